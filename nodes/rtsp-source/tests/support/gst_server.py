"""GStreamer's RTSP server: NAME=LAUNCH arguments become rtsp://127.0.0.1:PORT/NAME.

With TLS_CERTIFICATE and TLS_KEY (files) in the environment it speaks RTSP over TLS, and with
USER_PASSWORD (user:password) it asks for them (basic authentication).
"""

import base64
import os
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")

certificate = os.environ.get("TLS_CERTIFICATE")
user = os.environ.get("USER_PASSWORD")
permissions = GstRtspServer.RTSPPermissions()
permissions.add_permission_for_role("watcher", "media.factory.access", True)
permissions.add_permission_for_role("watcher", "media.factory.construct", True)
if certificate or user:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "watcher")
    if user:
        auth.add_basic(base64.b64encode(user.encode()).decode(), token)
    else:
        auth.set_default_token(token)
    if certificate:
        auth.set_tls_certificate(
            Gio.TlsCertificate.new_from_files(certificate, os.environ["TLS_KEY"])
        )
    server.set_auth(auth)

for argument in sys.argv[1:]:
    name, launch = argument.split("=", 1)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {launch} )")
    factory.set_permissions(permissions)
    server.get_mount_points().add_factory(f"/{name}", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
