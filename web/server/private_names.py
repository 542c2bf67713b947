"""The private names of Gradio that `private` leans on, and which of them the installed one lacks."""

import importlib
import inspect
from typing import Any

# Functions, classes and methods, and the parameters that we give them by name.
NAMES = {
    "gradio.route_utils:GradioMultiPartParser.on_headers_finished": (),
    "gradio.route_utils:GradioMultiPartParser.parse": (),
    "gradio.route_utils:FnIndexInferError": (),
    "gradio.route_utils:get_fn": ("blocks", "api_name", "body"),
    "gradio.blocks:App.create_app": ("blocks", "mcp_server"),
    "gradio.routes:CustomCORSMiddleware": ("app",),
    "gradio.routes:secure_url_stream_response": ("url", "request"),
    "gradio.routes:file_upload_statuses": (),
    "gradio.routes:traceback": (),
    "gradio.route_utils:traceback": (),
    "gradio.queueing:traceback": (),
    "gradio.queueing:error_payload": ("error", "show_error"),
    "gradio.queueing:Queue.get_active_worker_count": (),
    "gradio.queueing:Queue.clean_events": ("session_hash",),
    "gradio.processing_utils:async_ssrf_protected_get": ("url",),
    "gradio.utils:safe_join": ("directory", "path"),
    "gradio.server_messages:HeartbeatMessage": (),
    "gradio.mcp:GradioMCPServer._get_or_create_client": (),
    "gradio.mcp:GradioMCPServer.local_url": (),
    "gradio.state_holder:StateHolder.__getitem__": ("session_id",),
    "gradio.state_holder:StateHolder.update": ("session_id",),
    "gradio.state_holder:StateHolder.delete_state": ("session_id", "expired_only"),
    "gradio.state_holder:StateHolder.delete_all_expired_state": (),
    "gradio.state_holder:SessionState.__setitem__": ("key", "value"),
    "gradio.state_holder:SessionState._update_value_in_config": ("key", "value"),
}
# Attributes that a class gives its objects.
ATTRIBUTES = {
    "gradio.route_utils:GradioMultiPartParser": ("stream", "_current_part", "_files_to_close_on_error"),
    "gradio.route_utils:FileUploadProgress": ("_statuses", "_signals"),
    "gradio.queueing:Queue": ("pending_messages_per_session", "pending_event_ids_session", "event_ids_to_events"),
    "gradio.queueing:Event": ("request", "session_hash", "_id"),
    "gradio.state_holder:StateHolder": ("session_data", "time_last_used"),
    "gradio.state_holder:SessionState": ("state_data",),
    "gradio.routes:App": ("tokens", "cookie_id", "state_holder"),
    "gradio.blocks:Blocks": ("_queue", "state_holder", "fns", "server", "mcp_server_obj"),
}


def missing() -> list[str]:
    """The names of NAMES and ATTRIBUTES that this Gradio does not have."""
    gone = []
    for name, parameters in NAMES.items():
        try:
            found = _resolve(name)
            known = inspect.signature(found).parameters if parameters else ()
        except (ImportError, AttributeError, ValueError):
            gone.append(name)
            continue
        gone += [f"{name}({parameter})" for parameter in parameters if parameter not in known]
    for name, attributes in ATTRIBUTES.items():
        try:
            source = "".join(inspect.getsource(kind) for kind in _resolve(name).__mro__ if kind is not object)
        except (ImportError, AttributeError, OSError):
            gone.append(name)
            continue
        gone += [f"{name}.{attribute}" for attribute in attributes if f"self.{attribute}" not in source]
    return gone


def _resolve(name: str) -> Any:
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found
