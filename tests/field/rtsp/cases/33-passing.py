# What passes: a camera that refuses while it starts, one refusal of a camera that is well, a description that takes 6 s; and a frame in 6 s with FFmpeg.
from rtspd import *
M = MEDIA
class Base(Cam): file = M + 'base.h264'
class Boots(Base):                # refuses for 6 s from the first request on
    status = (404, 'Not Found'); began = None
    def is_up(self):
        self.began = self.began or time.time()
        return time.time() - self.began >= 6
    def describe(self, conn, req): return None if self.is_up() else (*self.status, {}, b'')
class Boots503(Boots): status = (503, 'Service Unavailable')
class BootsPlay(Boots):           # closes the connection at PLAY
    def describe(self, conn, req): return None
    def on_authed(self, conn, m, req):
        if m == 'PLAY' and not self.is_up(): conn.sock.shutdown(2); raise OSError
class Once503(Base):              # and its OPTIONS, with which FFmpeg begins, ends the connection
    asked = 0
    def on_authed(self, conn, m, req):
        if m == 'OPTIONS' and conn.requests == 1: conn.sock.shutdown(2); raise OSError
    def describe(self, conn, req):
        self.asked += 1
        if self.asked == 1: return (503, 'Service Unavailable', {}, b'')
class Slow6(Base):
    def describe(self, conn, req): time.sleep(6)
class OneIn6(Base): fps = 1 / 6.0
CAMERAS = [('t33-boots404', Boots, {}), ('t33-boots503', Boots503, {}), ('t33-bootsplay', BootsPlay, {'client': 'ffmpeg'}), ('t33-once503', Once503, {}), ('t33-slow6', Slow6, {}), ('t33-onein6ffmpeg', OneIn6, {'client': 'ffmpeg'})]
