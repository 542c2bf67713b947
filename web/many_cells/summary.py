"""How far a batch is, and what it came to, in words."""

from jdm_core.report.words import ENGLISH, Language, noop
from web.many_cells.run import OPEN, STRANGE, Batch


def progress(done: int, total: int, seconds: float, say: Language = ENGLISH) -> str:
    """How far a batch is, with the time that is left if the rest goes on as fast."""
    words = say("{done} of {total}", done=done, total=total) if done else say("Starting …")
    return _with_time(words, done, total, seconds, say)


def report_progress(done: int, total: int, seconds: float, say: Language = ENGLISH) -> str:
    """Which report is being prepared after so many, and the time that is left."""
    words = say("report {number} of {total}", number=min(done + 1, total), total=total)
    return _with_time(words, done, total, seconds, say)


def _with_time(words: str, done: int, total: int, seconds: float, say: Language) -> str:
    """The words with the time that is left."""
    if not 0 < done < total:
        return words
    left = seconds / done * (total - done)
    shown = f"{say.number(left / 60, 0)} min" if left >= 90 else f"{max(1, round(left))} s"
    return say("{progress}; about {time} left", progress=words, time=shown)


def summary(batch: Batch, say: Language = ENGLISH) -> str:
    """What a batch came to: its cells by verdict, and what is none or could not be read."""
    failed = len(batch.results) - len(batch.done)
    sentences = [_tally([result.verdict for result in batch.done], say)]
    if failed:
        sentences.append(
            say.plural(
                "{count} file could not be read; the table says why.",
                "{count} files could not be read; the table says why.",
                failed,
            )
        )
    if batch.others:
        sentences.append(
            say.plural(
                "{count} other file, no picture by its name, was passed over.",
                "{count} other files, no pictures by their names, were passed over.",
                batch.others,
            )
        )
    if len(batch.items) < batch.total:
        taken, total = say.number(len(batch.items)), say.number(batch.total)
        sentences.append(say("Only the first {taken} of {total} files were taken.", taken=taken, total=total))
    return " ".join(sentences)


def _tally(verdicts: list[str], say: Language) -> str:
    """How many cells got which verdict; what does not look like a cell is counted apart from them."""
    cells = [verdict for verdict in verdicts if verdict != STRANGE]
    strange = len(verdicts) - len(cells)
    parts = []
    if cells:
        kinds = (noop("unclear") if verdict == OPEN else verdict for verdict in sorted(set(cells)))
        counts = (cells.count(verdict) for verdict in sorted(set(cells)))
        each = ", ".join(
            say("{count} {verdict}", count=say.number(count), verdict=say(kind))
            for count, kind in zip(counts, kinds, strict=True)
        )
        parts.append(say.plural("{count} cell: {verdicts}", "{count} cells: {verdicts}", len(cells), verdicts=each))
    if strange:
        parts.append(
            say.plural("{count} picture does not look like a cell", "{count} pictures do not look like a cell", strange)
        )
    if len(parts) == 2:
        return say("{cells}; {others}.", cells=parts[0], others=parts[1])
    return f"{parts[0]}." if parts else say("No cell could be read.")
