"""What was replaced in a model, so that it can be brought back."""

from types import TracebackType
from typing import Self

ABSENT = object()


class Handle:
    """What ``use_losses`` returns: ``remove()``, or the end of a ``with`` block, brings the framework's losses back.

    When to choose it: keep it where the losses are to be taken out again; drop it where they stay for good.

    Edge cases:
        Removing twice does nothing. Two handles of one model are removed in the opposite order of their making;
        another order is refused, because it would bring back what the other one had put in.

    Example:
        >>> from types import SimpleNamespace
        >>> from detloss.integrations import Handle
        >>> head, handle = SimpleNamespace(loss="theirs"), Handle()
        >>> handle.replace(head, "loss", "ours")
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
            name: Of the attribute.
            value: What it is from now on.
        """
        # A module keeps its submodules apart from its other attributes.
        own = {**vars(owner), **vars(owner).get("_modules", {})}
        self.replaced.append((owner, name, own.get(name, ABSENT), value))
        setattr(owner, name, value)

    def remove(self) -> None:
        """Bring back what was there before.

        Raises:
            RuntimeError: Something else was put in the same place since; nothing is changed then.
        """
        latest = {(id(owner), name): (owner, name, value) for owner, name, _, value in self.replaced}
        for owner, name, value in latest.values():
            if getattr(owner, name) is not value:
                raise RuntimeError(
                    f"{type(owner).__name__}.{name}: expected what this handle put there, got another value; "
                    "remove what was put in last first"
                )
        while self.replaced:
            owner, name, before, _ = self.replaced.pop()
            delattr(owner, name)
            if before is not ABSENT:
                setattr(owner, name, before)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.remove()
