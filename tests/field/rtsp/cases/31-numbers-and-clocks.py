# Packets that are not the stream's in its numbering, sources in turns, packets sent again, reports and goodbyes of others, time stamps that differ within a picture or stand still.
from rtspd import *
M = MEDIA
class Base(Cam): file = M + 'base.h264'
class KeepAlive(Base):            # an empty packet of another type within each frame (RFC 6263)
    def payloads(self, au, n):
        p = Cam.payloads(self, au, n); return p[:1] + [(b'', False)] + p[1:]
    def rtp(self, payload, marker, seq, ts, ssrc, n):
        if not payload: return struct.pack('>BBHII', 0x80, 127, seq & 0xffff, ts & 0xffffffff, ssrc)
        return Cam.rtp(self, payload, marker, seq, ts, ssrc, n)
class SsrcTurns(Base):            # two sources in turns, one numbering
    def rtp(self, payload, marker, seq, ts, ssrc, n): return Cam.rtp(self, payload, marker, seq, ts, ssrc ^ (n & 1), n)
class Resend(Base):               # the last 20 packets again, now and then
    def __init__(self, n): Cam.__init__(self, n); self.last = []
    def rtp(self, *a):
        d = Cam.rtp(self, *a); self.last = (self.last + [d])[-20:]; return d
    def extra_packets(self, conn, n): return [(0, d) for d in self.last] if n % 10 == 9 else []
def report(ssrc, ts):
    now = time.time() + 2208988800
    return struct.pack('>BBHIIIIII', 0x80, 200, 6, ssrc, int(now), int((now % 1) * 2**32), ts, 0, 0)
class Report0(Base):              # its reports have the RTP time 0
    first_ts = 900000000; sr = False
    def extra_packets(self, conn, n): return [(1, report(conn.ssrc, 0))] if n % 6 == 0 else []
class ReportOther(Base):          # reports of an audio stream too
    def extra_packets(self, conn, n): return [(1, report(0x11111111, 12345))] if n % 6 == 3 else []
class ByeOther(Base):             # a goodbye for a source that is none of the stream's
    def extra_packets(self, conn, n): return [(1, struct.pack('>BBHI', 0x81, 203, 1, 0xdeadbeef))] if n % 10 == 5 else []
class PacketTime(Base):           # each packet has a time stamp of its own
    def payloads(self, au, n): return [(p, (m, self.timestamp(n, 1000) + k)) for k, (p, m) in enumerate(Cam.payloads(self, au, n))]
class SliceTime(PacketTime): file = M + 'slices.h264'
class MessageMid(Cam):            # a message after each slice but the last
    file = M + 'slices.h264'
    def payloads(self, au, n):
        out = []
        for nal in au: out += [(p, False) for p in self.fragment(nal)] + ([(b'\x06\x05\x10' + bytes(range(16)) + b'\x80', False)] if nal[0] & 31 in (1, 5) else [])
        while out[-1][0][0] & 31 == 6: out.pop()
        out[-1] = (out[-1][0], True); return out
class Time0(Base):                # one time stamp for all
    def timestamp(self, n, base): return base
class Time0NoMarker(Time0):
    def payloads(self, au, n): return [(p, False) for p, m in Cam.payloads(self, au, n)]
CAMERAS = [('t31-keepalive', KeepAlive, {}), ('t31-ssrcturns', SsrcTurns, {}), ('t31-resend', Resend, {}), ('t31-report0', Report0, {}), ('t31-reportother', ReportOther, {}), ('t31-byeother', ByeOther, {}),
  ('t31-packettime', PacketTime, {}), ('t31-slicetime', SliceTime, {}), ('t31-messagemid', MessageMid, {}), ('t31-time0', Time0, {}), ('t31-time0nomarker', Time0NoMarker, {})]
