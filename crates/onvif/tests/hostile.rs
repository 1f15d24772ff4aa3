//! Devices that answer wrongly, without an end, or not at all.

mod common;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use camweave_onvif::{Announced, AskError, Device, Limits, Login, Service, StreamRemark, ask};
use tokio::net::TcpListener;

use common::{END, ENVELOPE, Fake, LIMITS, device, ok};

/// For a device that does not answer.
const SHORT: Limits = Limits {
    call: Duration::from_millis(500),
    ..LIMITS
};
#[tokio::test]
async fn answers_without_an_end_are_cut_off() {
    let endless = Fake::start(|_, _| {
        let mut all = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n<a>".to_vec();
        all.resize(1 << 20, b' ');
        all
    });
    let error = endless.await.ask(None).await.expect_err("too much");
    assert!(
        matches!(
            error,
            AskError::TooLarge {
                limit_bytes: 65_536,
                ..
            }
        ),
        "{error}"
    );
    let header = Fake::start(|_, _| {
        let mut all = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
        all.resize(1 << 20, b'x');
        all
    });
    let error = header.await.ask(None).await.expect_err("too much");
    assert!(matches!(error, AskError::Http { .. }), "{error}");
}

#[tokio::test]
async fn what_does_not_answer_is_given_up() {
    let silent = Fake::start(|_, _| b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<a>".to_vec());
    let silent = silent.await;
    // The connection closes before the length that was promised.
    let error = silent.ask(None).await.expect_err("cut off");
    assert!(matches!(error, AskError::Http { .. }), "{error}");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let address = IpAddr::from(Ipv4Addr::LOCALHOST);
    let device = Announced::unheard(address, Service::device(port));
    let error = ask(&device, None, &SHORT).await.expect_err("silence");
    assert!(matches!(error, AskError::Timeout { .. }), "{error}");
    drop(listener);
    let error = ask(&device, None, &LIMITS).await.expect_err("nobody");
    assert!(matches!(error, AskError::Connect { .. }), "{error}");
}

#[tokio::test]
async fn what_is_no_soap_is_named() {
    for (body, part) in [
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "XML"),
        ("{}", "XML"),
        ("<html><body>login</body></html>", "SOAP body"),
        ("<e><Body/></e>", "media service"),
    ] {
        let fake = Fake::start(|_, _| ok(body)).await;
        let error = fake.ask(None).await.expect_err(body).to_string();
        assert!(error.contains(part), "{body}: {error}");
    }
    for status in [
        "404 Not Found",
        "302 Found\r\nLocation: http://192.0.2.1/",
        "500 No",
    ] {
        let fake = Fake::start(move |_, _| {
            format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into_bytes()
        });
        let error = fake.await.ask(None).await.expect_err(status);
        assert!(
            matches!(error, AskError::Status { .. }),
            "{status}: {error}"
        );
    }
    let garbage = Fake::start(|_, _| vec![0xff; 5000]).await;
    assert!(garbage.ask(None).await.is_err());
}

/// A wrong password is tried as seldom as possible: cameras lock accounts.
#[tokio::test]
async fn a_password_that_is_refused_is_not_sent_again() {
    let refusing = Fake::start(|request, _| {
        if request.contains("GetSystemDateAndTime") {
            return ok("");
        }
        let fault = format!(
            "{ENVELOPE}<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode>\
             <s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code></s:Fault>{END}"
        );
        let length = fault.len();
        format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {length}\r\n\r\n{fault}").into_bytes()
    });
    let refusing = refusing.await;
    let login = Login {
        user: "anna".to_owned().into(),
        password: "t0psecret".to_owned().into(),
    };
    let error = refusing.ask(Some(&login)).await.expect_err("refused");
    assert!(
        matches!(error, AskError::Unauthorized { is_asked: false }),
        "{error}"
    );
    // The clock, the services as anybody, and with a token.
    assert_eq!(refusing.requests.load(Ordering::Relaxed), 3);
}

fn anna() -> Login {
    Login {
        user: "anna".to_owned().into(),
        password: "t0psecret".to_owned().into(),
    }
}

/// Where the clock is closed as well, that refusal is the last word.
#[tokio::test]
async fn a_digest_that_is_refused_is_not_sent_again() {
    let digests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&digests);
    let closed = Fake::start(move |request, _| {
        let is_digest = request.to_lowercase().contains("authorization: digest");
        count.fetch_add(usize::from(is_digest), Ordering::Relaxed);
        assert!(!request.contains("UsernameToken"), "{request}");
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=x, nonce=1\r\nContent-Length: 0\r\n\r\n"
            .to_vec()
    });
    let error = closed.await.ask(Some(&anna())).await.expect_err("refused");
    assert!(
        matches!(error, AskError::Unauthorized { is_asked: false }),
        "{error}"
    );
    assert_eq!(digests.load(Ordering::Relaxed), 1);
}

fn not_supported() -> Vec<u8> {
    let fault = format!(
        "{ENVELOPE}<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode>\
         <s:Value>ter:ActionNotSupported</s:Value></s:Subcode></s:Code></s:Fault>{END}"
    );
    let length = fault.len();
    format!("HTTP/1.1 500 No\r\nContent-Length: {length}\r\n\r\n{fault}").into_bytes()
}

fn urls(device: &Device) -> Vec<Option<String>> {
    let streams = device.sources.iter().filter_map(|it| it.main());
    let named = streams.map(|it| it.url.as_ref()?.as_ref().ok());
    named
        .map(|it| it.map(|it| it.url.expose().path().to_owned()))
        .collect()
}

#[tokio::test]
async fn a_service_that_names_no_url_leaves_it_to_the_older_one() {
    let half = Fake::start(|request, port| {
        let is_new = |it: &str| it.contains("POST /ver20 ");
        device(request, port, |it| is_new(it).then(not_supported), 1)
    });
    let found = half.await.ask(Some(&anna())).await.expect("an answer");
    assert_eq!(urls(&found), [Some("/old".to_owned())]);
    // It answers anybody.
    assert!(!found.wants_login);
}

#[tokio::test]
async fn a_channel_that_does_not_answer_leaves_the_others() {
    let recorder = Fake::start(|request, port| {
        let silence = |it: &str| it.contains(">p1<").then(Vec::new);
        device(request, port, silence, 3)
    });
    let recorder = recorder.await;
    let address = IpAddr::from(Ipv4Addr::LOCALHOST);
    let found = Announced::unheard(address, Service::device(recorder.port));
    let limits = Limits {
        call: Duration::from_secs(2),
        ..LIMITS
    };
    let found = ask(&found, None, &limits).await.expect("an answer");
    let new = || Some("/new".to_owned());
    assert_eq!(urls(&found), [new(), None, new()]);
    let silent = found.sources[1].main().and_then(|it| it.url.as_ref());
    assert!(
        matches!(silent, Some(Err(AskError::Timeout { .. }))),
        "{silent:?}"
    );
}

/// A login is for who asks for one.
#[tokio::test]
async fn a_device_that_answers_anybody_gets_no_login() {
    let open = Fake::start(|request, port| {
        let request_text = request.to_lowercase();
        assert!(
            !request_text.contains("authorization") && !request_text.contains("usernametoken"),
            "{request}"
        );
        device(request, port, |_| None, 1)
    });
    let found = open.await.ask(Some(&anna())).await.expect("an answer");
    assert!(!found.wants_login);
}

/// A digest was right, whatever the device says to the request.
#[tokio::test]
async fn a_nonce_for_one_connection_and_a_fault() {
    let nonces = AtomicUsize::new(0);
    let once = Fake::start(move |request, port| {
        let is_open = request.contains("GetSystemDateAndTime");
        if !is_open && !request.to_lowercase().contains("authorization: digest") {
            return challenge(nonces.fetch_add(1, Ordering::Relaxed));
        }
        let current = nonces.load(Ordering::Relaxed).saturating_sub(1);
        if !is_open && !request.contains(&format!("nonce=\"n{current}\"")) {
            return challenge(nonces.fetch_add(1, Ordering::Relaxed));
        }
        if request.contains("GetServices") {
            nonces.fetch_add(1, Ordering::Relaxed);
            return not_supported();
        }
        if request.contains("GetCapabilities") {
            return ok(&format!(
                "{ENVELOPE}<t:GetCapabilitiesResponse><t:Capabilities><t:Media>\
                 <t:XAddr>http://127.0.0.1:{port}/ver10</t:XAddr></t:Media></t:Capabilities>\
                 </t:GetCapabilitiesResponse>{END}"
            ));
        }
        ok(&format!("{ENVELOPE}{END}"))
    });
    let error = once
        .await
        .ask(Some(&anna()))
        .await
        .expect_err("no profiles");
    // It came as far as its profiles, of which there are none.
    assert!(matches!(error, AskError::Lacking { .. }), "{error}");
}

fn challenge(nonce: usize) -> Vec<u8> {
    format!(
        "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=x, nonce=n{nonce}\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn basic_authentication_is_not_answered() {
    let basic = Fake::start(|request, _| {
        assert!(
            !request.to_lowercase().contains("authorization"),
            "{request}"
        );
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"
            .to_vec()
    });
    let basic = basic.await;
    let login = Login {
        user: "anna".to_owned().into(),
        password: "t0psecret".to_owned().into(),
    };
    let error = basic.ask(Some(&login)).await.expect_err("refused");
    assert!(matches!(error, AskError::Basic), "{error}");
}

/// It names addresses that cannot be reached, and one of another host.
#[tokio::test]
async fn services_are_called_at_the_device_and_streams_elsewhere_are_said() {
    let answer = |request: &str, port: u16, scheme: &str| {
        let profile = |token: &str, width: u32| {
            format!(
                "<t:Profiles token='{token}'><t:Name>{token}</t:Name><t:VideoEncoderConfiguration>\
                 <t:Encoding>H264</t:Encoding><t:Resolution><t:Width>{width}</t:Width>\
                 <t:Height>100</t:Height></t:Resolution></t:VideoEncoderConfiguration></t:Profiles>"
            )
        };
        let body = match request {
            it if it.contains("GetSystemDateAndTime") => String::new(),
            it if it.contains("GetServices") => return b"HTTP/1.1 400 No\r\n\r\n".to_vec(),
            it if it.contains("GetCapabilities") => format!(
                "<t:GetCapabilitiesResponse><t:Capabilities><t:Media>\
                 <t:XAddr>{scheme}://172.17.0.2:{port}/media</t:XAddr>\
                 </t:Media></t:Capabilities></t:GetCapabilitiesResponse>"
            ),
            it if it.contains("POST /media ") && it.contains("GetProfiles") => {
                let (large, small) = (profile("large", 200), profile("small", 100));
                format!("<t:GetProfilesResponse>{small}{large}</t:GetProfilesResponse>")
            }
            it if it.contains(">large<") => {
                let uri =
                    "<t:MediaUri><t:Uri>rtsp://0.0.0.0:554/a?x=1&amp;y=2</t:Uri></t:MediaUri>";
                format!("<t:GetStreamUriResponse>{uri}</t:GetStreamUriResponse>")
            }
            it if it.contains(">small<") => {
                let uri = "<t:MediaUri><t:Uri>rtsp://203.0.113.5/b</t:Uri></t:MediaUri>";
                format!("<t:GetStreamUriResponse>{uri}</t:GetStreamUriResponse>")
            }
            it => panic!("{it}"),
        };
        ok(&format!("{ENVELOPE}{body}{END}"))
    };
    is_said(&Fake::start(move |request, port| answer(request, port, "http")).await).await;
    is_said(&Fake::start_tls(move |request, port| answer(request, port, "https")).await).await;
}

async fn is_said(fake: &Fake) {
    let device = fake.ask(None).await.expect("an answer");
    let source = &device.sources[0];
    let url = |stream: Option<&camweave_onvif::Stream>| {
        let url = stream.and_then(|it| it.url.as_ref()).expect("asked for");
        let url = url.as_ref().expect("named");
        (url.url.expose().to_string(), url.remark.clone())
    };
    let named = "0.0.0.0".to_owned();
    assert_eq!(
        url(source.main()),
        (
            "rtsp://127.0.0.1:554/a?x=1&y=2".to_owned(),
            Some(StreamRemark::Replaced { named })
        )
    );
    let host = "203.0.113.5".to_owned();
    assert_eq!(
        url(source.sub()),
        (
            "rtsp://203.0.113.5/b".to_owned(),
            Some(StreamRemark::OtherHost { host })
        )
    );
}
