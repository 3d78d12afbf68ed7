"""Work beside the screen, of which there is one at a time of each kind."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, cast

from textual.dom import DOMNode
from textual.worker import Worker


def start(node: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], group: str, name: str = "") -> Worker[None]:
    """Begin `work` for `node`; what went on in the same group is ended, and all of it when the node goes.

    It takes something to call and not a coroutine: one that is replaced before it began would never be awaited.
    """
    return node.run_worker(cast(Any, work), name=name, group=group, exclusive=True)
