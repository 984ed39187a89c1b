"""What the source of a function says about it."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from types import FunctionType
from typing import Any


def function_behind(called: object) -> FunctionType | None:
    """Return the function behind what can be called: a method, a partial, an object."""
    for name in ("__wrapped__", "__func__", "func"):
        if (inner := getattr(called, name, None)) is not None:
            return function_behind(inner)
    if isinstance(called, FunctionType):
        return called
    call = inspect.getattr_static(type(called), "__call__", None)
    return call if isinstance(call, FunctionType) else None


def name_of(called: object) -> str:
    """Return what to call a function, for an error."""
    return getattr(function_behind(called), "__name__", "without a name")


def syntax_tree(called: object) -> ast.Module | None:
    """Return the syntax tree of what can be called, or None where its source is not known."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function_behind(called) or called)))  # type: ignore[arg-type]
    except (OSError, TypeError, SyntaxError):
        return None


def is_endless(called: object) -> bool:
    """Tell whether a function cannot end, by its own source, but for an error.

    That is a ``while True`` without ``break``, in a function without ``return`` and ``raise``. What
    stands in an ``except CancelledError`` does not count, as it ends what is cancelled.
    """
    tree = syntax_tree(called)
    if not tree or not isinstance(tree.body[0], ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    body = tree.body[0].body
    return not _has(body, ast.Return | ast.Raise) and _is_endless(body)


def _is_endless(body: Iterable[ast.stmt]) -> bool:
    return any(
        _is_endless_loop(statement)
        or (isinstance(statement, ast.With | ast.AsyncWith) and _is_endless(statement.body))
        or (
            isinstance(statement, ast.Try)
            and all(map(_is_cancellation, statement.handlers))
            and _is_endless(statement.body)
        )
        for statement in body
    )


def _is_endless_loop(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.While)
        and isinstance(statement.test, ast.Constant)
        and bool(statement.test.value)
        and not _has(statement.body, ast.Break, besides=ast.For | ast.AsyncFor | ast.While)
    )


def _has(body: Iterable[ast.AST], kind: Any, besides: Any = None) -> bool:
    return any(isinstance(node, kind) for node in _within(body, besides))


def _within(body: Iterable[ast.AST], besides: Any) -> Iterator[ast.AST]:
    """Go through all nodes but those of inner functions, of cancellation, and of ``besides``."""
    inner = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
    for node in body:
        if isinstance(node, inner) or _is_cancellation(node):
            continue
        yield node
        # What stands in a loop's `else` is outside of the loop.
        inside = (
            node.orelse if besides and isinstance(node, besides) else ast.iter_child_nodes(node)
        )
        yield from _within(inside, besides)


def _is_cancellation(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.ExceptHandler)
        and node.type is not None
        and ast.unparse(node.type).rpartition(".")[2] == "CancelledError"
    )
