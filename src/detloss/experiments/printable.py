"""Text from outside, such as file names, as it can be shown anywhere."""


def printable(text: str) -> str:
    r"""Write characters that control a terminal or that no encoding has as escapes; line ends stay.

    Example:
        >>> printable("a\x1b]0;title.png")
        'a\\x1b]0;title.png'
    """
    return "".join(
        one if one.isprintable() or one in "\n\xa0" else one.encode("unicode_escape").decode("ascii") for one in text
    )
