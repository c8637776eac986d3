"""Prefect's server as `prefect server start` runs it, for requests that call it by this machine's own names.

A page whose name is made to lead here (DNS rebinding) would be of the server's own origin for a browser; it is refused
by the name that it asks for. `server.start` runs this file with a port.
"""

import sys

import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware

import flows.prefect_server.mail  # noqa: F401  a block that this server must know

HOST = "127.0.0.1"
NAMES = [HOST, "localhost"]


def main(port: int) -> None:
    """Serve until the process ends. What else there is to say is in Prefect's own variables."""
    from prefect.server.api.server import create_app

    # Around the application and not within: its automations call it in the same process, by a name of their own.
    app = TrustedHostMiddleware(create_app(final=True), allowed_hosts=NAMES, www_redirect=False)
    uvicorn.run(app, host=HOST, port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
