from chatlib.lab.trace import SERVER, Emission, Packet, Trace


def delivery(name, *, arrived=True):
    return Packet("event", SERVER, name, "news", arrived=arrived)


def emission(*present, heard=(), lost=()):
    deliveries = [delivery(name) for name in heard]
    deliveries += [delivery(name, arrived=False) for name in lost]
    return Emission("news", (), (), (), present, deliveries)


def test_heard_is_what_has_arrived():
    assert emission("alice", "bob", "carol", heard=["alice"], lost=["bob"]).heard() == {"alice"}


def test_missed_is_everybody_else_who_was_there_in_order():
    said = emission("dave", "alice", "bob", "carol", heard=["alice"], lost=["bob"])
    assert said.missed() == ["dave", "bob", "carol"]


def test_equal_packets_are_two():
    assert delivery("alice") != delivery("alice")
    assert emission() != emission()


def test_take_begins_anew():
    trace = Trace()
    step = delivery("alice")
    trace.add(step)
    assert trace.take() == [step]
    assert trace.take() == []


def test_take_leaves_the_emissions_for_the_matrix():
    trace = Trace()
    said = emission()
    trace.add(delivery("alice"))
    trace.add(said)
    trace.take()
    assert trace.emissions == [said]


def test_clear_forgets_what_happened_but_not_who_takes_part():
    trace = Trace(ids={"x1": "alice"})
    trace.add_client("alice")
    trace.add(emission())
    trace.clear()
    assert trace == Trace(clients=["alice"], ids={"x1": "alice"})


def test_clients_are_in_the_order_in_which_they_came():
    trace = Trace()
    for name in ("dave", "alice", "dave", "bob", "alice"):
        trace.add_client(name)
    assert trace.clients == ["dave", "alice", "bob"]


def test_with_names():
    trace = Trace(ids={"x1": "alice", "y2": "bob"})
    assert trace.with_names("from x1 to y2 and x1 (z3)") == "from <alice> to <bob> and <alice> (z3)"
