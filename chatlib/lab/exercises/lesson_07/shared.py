"""What the exercises of lesson 07 share."""

# Under load a right answer may be late once. A wrong one is wrong each time.
TRIES = 3
# A timer may be a little early: who waits for this part of a time has waited for it.
NEARLY = 0.9
