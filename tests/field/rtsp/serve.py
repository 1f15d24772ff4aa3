"""All cameras of cases/*.py on one port. The first line says where they are; each line that is read is
answered with what they sent and were asked so far."""
import glob, importlib.util, json, os, sys
HERE = os.path.dirname(os.path.abspath(__file__)); sys.path.insert(0, HERE); import rtspd
cams, entries = [], []
for path in sorted(glob.glob(HERE + '/cases/*.py')):
    spec = importlib.util.spec_from_file_location('case', path); m = importlib.util.module_from_spec(spec); spec.loader.exec_module(m)
    for i, c, f in m.CAMERAS:
        cams.append(c(i)); entries.append(dict(f, id=i))
server = rtspd.Server(cams, 0).start()
print(json.dumps({'port': server.port, 'cameras': entries}), flush=True)
for _ in sys.stdin:
    print(json.dumps({c.name: c.log for c in cams}), flush=True)
