# More of the same kinds: other headers, types and markers, a frame in 6 s, sources that change back and forth, a server that repeats itself.
from rtspd import *
M = MEDIA
class Base(Cam): file = M + 'base.h264'
class TimeoutSpace(Base): session_timeout = '; Timeout=60'
class Charset(Base): content_type = 'application/sdp;charset=utf-8'
class NoInterleaved(Base):
    def transport(self, c, udp, ports, ssrc): return 'RTP/AVP/TCP;unicast'
class OtherInterleaved(Base):     # says 2-3, sends on 6
    def channel(self, asked): return 6
    def transport(self, c, udp, ports, ssrc): return 'RTP/AVP/TCP;unicast;interleaved=2-3'
class NoTransport(Base):
    def transport(self, c, udp, ports, ssrc): return ''
class Moved(Base):                # 301 without a port that differs
    def describe(self, conn, req):
        return (301, 'Moved', {'Location': re.sub(r'/t30-\w+$', '/t08-target', req['url'])}, b'')
class OneIn6(Base): fps = 1 / 6.0
class Types(Base):                # types that nobody knows, in turns, and none at all
    def payloads(self, au, n): return [([b'\x00x', b'\x1fvendor', b'\x1a\0\0', b''][n % 4], False)] + Cam.payloads(self, au, n)
class Types265(Cam):
    file = M + 'base.h265'; codec = 'h265'
    def payloads(self, au, n): return [([b'\x7c\1x', b'\x7e\1', b'\x64\1\0\0\0', b'\x60\1\0'][n % 4], False)] + Cam.payloads(self, au, n)
class Lost265(Cam):               # every 30th packet lost
    file = M + 'base.h265'; codec = 'h265'; k = 0
    def rtp(self, *a):
        self.k += 1
        return None if self.k % 30 == 0 else Cam.rtp(self, *a)
class Stap(Base):                 # parameter sets in a STAP-A
    def payloads(self, au, n):
        small = [x for x in au if len(x) < 200]; rest = [x for x in au if len(x) >= 200]
        if not rest or len(small) < 2: return Cam.payloads(self, au, n)
        stap = b'\x78' + b''.join(struct.pack('>H', len(x)) + x for x in small)
        return [(stap, False)] + Cam.payloads(self, rest, n)
class Asks(Base):                 # requests of the server's own that nobody can fulfil
    def extra_packets(self, conn, n):
        if n % 5 == 4: conn.send(b'ANNOUNCE rtsp://client/ RTSP/1.0\r\nCSeq: %d\r\nContent-Length: 4\r\n\r\nv=0\n' % n)
        return []
class Garbage(Base):              # text between packets
    def extra_packets(self, conn, n):
        if n % 5 == 4: conn.send(b'debug: bitrate 1234\n\0\1\2')
        return []
CAMERAS = [('t30-timeout', TimeoutSpace, {}), ('t30-charset', Charset, {}), ('t30-nointerleaved', NoInterleaved, {}), ('t30-otherchannel', OtherInterleaved, {}), ('t30-notransport', NoTransport, {}),
  ('t30-moved', Moved, {}), ('t30-onein6', OneIn6, {}), ('t30-types', Types, {}), ('t30-types265', Types265, {}), ('t30-lost265', Lost265, {}), ('t30-stap', Stap, {}), ('t30-asks', Asks, {}), ('t30-garbage', Garbage, {})]
