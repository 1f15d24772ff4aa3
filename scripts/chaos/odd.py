"""The odd cameras of tests/field/rtsp, each case file on a server of its own."""
import importlib.util
import sys


class OddCameras:
    def __init__(self, field, wanted):
        """`wanted`: `case:camera,camera` or `case:*`, the case a file name in rtsp/cases without `.py`."""
        folder = field / "rtsp"
        sys.path.insert(0, str(folder))
        import rtspd

        self.targets = {}
        cameras = []
        for one in wanted:
            case, _, names = one.partition(":")
            spec = importlib.util.spec_from_file_location("case", folder / "cases" / f"{case}.py")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            for name, make, how in module.CAMERAS:
                # What needs another transport or credentials in cameras.yml cannot stand behind a relay.
                if (names == "*" or name in names.split(",")) and not how:
                    cameras.append(make(name))
        server = rtspd.Server(cameras, 0).start()
        for camera in cameras:
            self.targets[camera.name] = ("127.0.0.1", server.port, camera.name)

    def names(self):
        return sorted(self.targets)

    def target(self, name):
        return self.targets[name]
