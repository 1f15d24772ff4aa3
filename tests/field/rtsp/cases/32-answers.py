# Answers and descriptions: a number that never changes, 100 Continue, folded headers, an absolute session control, a redirect between two passwords, one fmtp line for each parameter, tabs and CR in the SDP, TCP refused with 400, datagrams from another address.
from rtspd import *
M = MEDIA
class Base(Cam): file = M + 'base.h264'
class Cseq(Base): cseq = '1'
class Interim(Base): interim = True
class Folded(Base): user = 'u'; password = 'pass'; fold = True
class SessionControl(Base):       # tracks are below the session's URL, not below Content-Base
    def session_control(self, url): return 'a=control:' + url.split('?')[0].rstrip('/') + '/real/\r\n'
    def on_authed(self, conn, m, req):
        if m == 'SETUP' and '/real/' not in req['url']: return (404, 'Not Found', {}, b'')
class SessionControlOnly(SessionControl):
    def content_base(self, url): return ''
    def session_control(self, url): return 'a=control:' + url.split('?')[0].rstrip('/') + '/real\r\n'
    def rtp_info(self, url, seq, ts): return ''
class RedirectAuth(Base):         # both sides ask for the password, with a nonce of their own
    user = 'u'; password = 'pass'
    def describe(self, conn, req):
        if '/moved' not in req['url']: return (302, 'Moved', {'Location': req['url'].rstrip('/') + '/moved'}, b'')
class Fmtp2(Base):                # the parameter sets are in the second line and nowhere else
    def sdp(self, url): return Cam.sdp(self, url).replace('packetization-mode=1;', 'packetization-mode=1\r\na=fmtp:96 ')
    def payloads(self, au, n): return Cam.payloads(self, [x for x in au if x[0] & 31 not in (7, 8)], n)
class Tab(Base):
    def sdp(self, url): return Cam.sdp(self, url).replace('rtpmap:96 ', 'rtpmap:96\t').replace('fmtp:96 ', 'fmtp:96\t')
class Cr(Base):
    def sdp(self, url): return Cam.sdp(self, url).replace('\r\n', '\r')
class NoTcp(Base):
    status = (400, 'Bad Request')
    def on_authed(self, conn, m, req):
        if m == 'SETUP' and 'interleaved' in req['headers'].get('transport', ''): return (*self.status, {}, b'')
class NoTcpFfmpeg(NoTcp): status = (461, 'Unsupported Transport')
class OtherAddress(Base):         # a recorder that passes a camera on
    def transport(self, channel, udp, ports, ssrc): return Cam.transport(self, channel, udp, ports, ssrc) + ';source=127.0.0.2'
    def on_authed(self, conn, m, req):
        if m == 'PLAY':
            for k in range(2): conn.socks[k] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); conn.socks[k].bind(('127.0.0.2', 0))
class GetOnly(Base):              # nothing but GET_PARAMETER keeps the session of 4 s
    session_timeout = ';timeout=4'
    def on_authed(self, conn, m, req):
        if m in ('SETUP', 'PLAY', 'GET_PARAMETER'): conn.last = time.time()
    def extra_packets(self, conn, n):
        if time.time() - conn.last > 4: conn.stop_sending = True; conn.sock.close()
        return []
class Close401(Base):             # closes the connection with its 401
    user = 'u'; password = 'pass'; close_401 = True
P = {'username': 'u', 'password': 'pass'}
CAMERAS = [('t32-cseq', Cseq, {}), ('t32-interim', Interim, {}), ('t32-folded', Folded, P), ('t32-sessioncontrol', SessionControl, {}), ('t32-controlonly', SessionControlOnly, {}), ('t32-redirectauth', RedirectAuth, P), ('t32-fmtp2', Fmtp2, {}),
  ('t32-tab', Tab, {}), ('t32-cr', Cr, {}), ('t32-notcp', NoTcp, {}), ('t32-notcpffmpeg', NoTcpFfmpeg, {'client': 'ffmpeg'}), ('t32-otheraddress', OtherAddress, {'transport': 'udp'}), ('t32-getonly', GetOnly, {}), ('t32-close401', Close401, P)]
