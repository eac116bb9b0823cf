"""Text that any terminal and any reader of JSON takes."""


def printable(text: str) -> str:
    """The text; bytes of a file's name that are no UTF-8 as \\xff.

    Python keeps such bytes as lone surrogates, which can neither be printed nor be read by
    other readers of JSON.
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode(
            "utf-8", "backslashreplace"
        )
    except UnicodeEncodeError:  # surrogates that no byte became, from other systems
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def printable_values(value: object) -> object:
    """Lists and dictionaries, as JSON has them, with all their text printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: printable_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [printable_values(each) for each in value]
    return value
