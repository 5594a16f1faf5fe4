"""Errors that a user can correct; commands print their messages without a traceback."""


class UserError(Exception):
    """An error whose message states what was expected."""


class OptionError(UserError, ValueError):
    """An option of a command, or an argument of a function, that cannot be used; the message begins with its name."""
