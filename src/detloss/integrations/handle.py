"""Record of replaced attributes of a model, which restores them."""

from types import TracebackType
from typing import Self

ABSENT = object()


class Handle:
    """Restores the framework's losses: by ``remove()``, or at the end of a ``with`` block.

    When to choose it: keep it to remove the losses later; ignore it if they stay.

    Edge cases:
        Removing twice does nothing. Remove several handles of one model in the opposite order of their creation. Any
        other order raises, because it would restore the losses of another handle.

    Example:
        >>> from types import SimpleNamespace
        >>> from detloss.integrations import Handle
        >>> head, handle = SimpleNamespace(loss="theirs"), Handle()
        >>> handle.replace(head, "loss", "ours")
        >>> handle
        Handle(SimpleNamespace.loss)
        >>> handle.remove()
        >>> head.loss
        'theirs'
    """

    def __init__(self) -> None:
        self.replaced: list[tuple[object, str, object, object]] = []

    def replace(self, owner: object, name: str, value: object) -> None:
        """Set an attribute of one object, never of its class.

        Args:
            owner: The object.
            name: The name of the attribute.
            value: Its new value.
        """
        # A module keeps its submodules apart from its other attributes.
        own = {**vars(owner), **vars(owner).get("_modules", {})}
        self.replaced.append((owner, name, own.get(name, ABSENT), value))
        setattr(owner, name, value)

    def remove(self) -> None:
        """Restore the previous values.

        Raises:
            RuntimeError: An attribute has been replaced again since; nothing is changed then.
        """
        latest = {(id(owner), name): (owner, name, value) for owner, name, _, value in self.replaced}
        for owner, name, value in latest.values():
            if getattr(owner, name) is not value:
                raise RuntimeError(
                    f"{type(owner).__name__}.{name}: expected the value that this handle has set, got another; "
                    "remove the latest handle first"
                )
        while self.replaced:
            owner, name, before, _ = self.replaced.pop()
            delattr(owner, name)
            if before is not ABSENT:
                setattr(owner, name, before)

    def __repr__(self) -> str:
        places = dict.fromkeys(f"{type(owner).__name__}.{name}" for owner, name, _, _ in self.replaced)
        return f"Handle({', '.join(places)})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.remove()
