"""The addresses that the page and programs use, and what each may be asked for. All others end at the gate."""

import re

API = "/gradio_api"
# What there is without a login: the page that asks for it, and what it is made of.
OPEN = re.compile(
    r"/|/login|/logout|/robots\.txt|/favicon\.ico|/pwa_icon|/manifest\.json|(/gradio_api)?/theme\.css"
    r"|/(assets|static|svelte)/.+|/gradio_api/(user|login_check|token|app_id|startup-events)"
)
WITH_LOGIN = re.compile(
    r"/config|/gradio_api/(info|openapi\.json|upload|upload_progress|cancel|reset|queue/(join|data|status)|heartbeat/[^/]+"
    r"|(run|api|call)/[^/]+|call/(v2/)?[^/]+/[^/]+|(file=|file/).+|mcp(/.*)?)"
)
STARTS = re.compile(r"/gradio_api/(queue/join|(run|api)/[^/]+|call/(v2/)?[^/]+)")  # jobs


def route_of(path: str, root_path: str) -> str:
    """The path as the routes know it: without the proxy's prefix and a slash at its end."""
    root = root_path.rstrip("/")
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    return path.rstrip("/") or "/"


def is_known(route: str) -> bool:
    """Whether anything is there."""
    return bool(OPEN.fullmatch(route) or WITH_LOGIN.fullmatch(route))


def is_open(route: str) -> bool:
    """Whether it is there without a login."""
    return bool(OPEN.fullmatch(route))


def is_upload(route: str) -> bool:
    """The one address that takes files."""
    return route == f"{API}/upload"


def is_mcp(route: str) -> bool:
    """Where MCP clients talk; their calls bear a picture as a data URI."""
    return route == f"{API}/mcp" or route.startswith(f"{API}/mcp/")


def starts_job(route: str) -> bool:
    """Whether a post there asks for work."""
    return bool(STARTS.fullmatch(route))


def stream_of(route: str, query: dict[str, str]) -> str | None:
    """The session whose open connection this is; None for what is no such stream."""
    if route.startswith(f"{API}/heartbeat/"):
        return route.rsplit("/", 1)[1]
    if route == f"{API}/queue/data":
        return query.get("session_hash")
    if re.fullmatch(r"/gradio_api/call/(v2/)?[^/]+/[^/]+", route):
        return route.rsplit("/", 1)[1]  # the job, where it has no other session
    return None
