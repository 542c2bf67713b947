"""Private names of Gradio: they stand in web/server/private.py alone, and one line says which an upgrade took away."""

import ast
from importlib.metadata import version
from pathlib import Path

from web.server import private, private_names

WEB = Path(private.__file__).parents[1]
ALONE = "server/private.py"
OF_OTHERS = {
    "_asdict",
    "_exit",
    "_replace",
    "_fields",
}  # of os and of named tuples, which document them; and of zipfile:
OF_ZIPFILE = {"_EndRecData", "_ECD_SIZE", "_ECD_LOCATION", "_ECD_OFFSET", "_ECD_SIGNATURE"}


def test_the_private_names_of_gradio_are_there():
    gone = private_names.missing()
    assert not gone, f"Gradio {version('gradio')} lacks what web/server/private.py leans on: {', '.join(gone)}"


def test_what_an_upgrade_takes_away_is_named(monkeypatch):
    names = {"gradio.queueing:Queue.gone": (), "gradio.utils:safe_join": ("directory", "gone"), "gradio.gone:name": ()}
    monkeypatch.setattr(private_names, "NAMES", names)
    monkeypatch.setattr(private_names, "ATTRIBUTES", {"gradio.blocks:Blocks": ("_queue", "_gone")})
    told = "gradio.queueing:Queue.gone gradio.utils:safe_join(gone) gradio.gone:name gradio.blocks:Blocks._gone"
    assert private_names.missing() == told.split()


def test_private_names_stand_in_one_module():
    found = {
        f"{path.name}: {node.attr}"
        for path in WEB.rglob("*.py")
        if path != WEB / ALONE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
        and not (
            isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name) and node.value.func.id == "super"
        )
    }
    assert {name for name in found if name.split(": ")[1] not in OF_OTHERS | OF_ZIPFILE} == set()


def test_what_is_replaced_in_gradio_is_among_the_names():
    """An assignment to a name that Gradio no longer has would be silent, and do nothing."""
    tree = ast.parse((WEB / ALONE).read_text(encoding="utf-8"))
    listed = {part for name in private_names.NAMES for part in name.rsplit(":", 1)[1].split(".")}
    listed |= {attribute for attributes in private_names.ATTRIBUTES.values() for attribute in attributes}
    replaced = {
        target.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and not (isinstance(target.value, ast.Name) and target.value.id == "self")
    }
    assert replaced - {"seek"} <= listed  # the one is a file's own


def test_gradio_has_the_private_names_that_are_used():
    from web.server.private_names import missing

    assert missing() == []
