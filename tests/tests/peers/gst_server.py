"""GStreamer's RTSP server: NAME=CODEC=FILE arguments become rtsp://127.0.0.1:PORT/NAME."""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
for argument in sys.argv[1:]:
    name, codec, path = argument.split("=", 2)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f'( filesrc location="{path}" ! qtdemux ! {codec}parse ! '
        f"rtp{codec}pay name=pay0 pt=96 config-interval=-1 )"
    )
    server.get_mount_points().add_factory(f"/{name}", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
