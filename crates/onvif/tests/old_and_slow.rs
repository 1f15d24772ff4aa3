//! Devices that are old, slow, or many.

mod common;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camweave_onvif::{AskError, Limits, Route, discover};
use tokio::net::UdpSocket;

use common::{Fake, LIMITS, device, ok};

/// X.509 version 1, RSA of 1024 bits, SHA-1, valid for one day of 2026, as cameras that are long in use
/// have them.
const OLD_CERTIFICATE: &str = "\
    MIIBkDCB+gIBATANBgkqhkiG9w0BAQUFADARMQ8wDQYDVQQDDAZjYW1lcmEwHhcNMjYxMTMwMTg1NjEyWhcNMjYx\
    MjAxMTg1NjEyWjARMQ8wDQYDVQQDDAZjYW1lcmEwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBAOqXMz+w2rWu\
    o0Y0S23ZVhxGOUDorejbQmBd7qB83yBZP4mFpDMsFZ5H61wPmIM5D6DiWfQItWyp3zLRaMXYYf3PNUy1EcOv0z4a\
    NxqedTc9GqXV/OENQKi6BRK8rlgGB9sgYNbEJQp73OPyOH+4udwj+B+H5TrygXNBp/MB2WBfAgMBAAEwDQYJKoZI\
    hvcNAQEFBQADgYEAjCUk3eJ04ivmfHTlZE3XGjCqIu4q+8MWJrmGwtfYUGswp1Ao9nSud3hfFnZpaXUiBTk62wIz\
    hUehdwBeleKKKFJ22ioe97Ybuh948rV+qdFMK2ZVXHXvAGP2YVXsYGWk3yKqyiArZLZuwnY8Cj25RWKSMW4u6q5O\
    3BarbELFerg=";

#[tokio::test]
async fn no_certificate_is_too_old() {
    let certificate = STANDARD.decode(OLD_CERTIFICATE).expect("Base64");
    let answer = |request: &str, port| {
        let answer = device(request, port, |_| None, 1);
        let text = String::from_utf8(answer).expect("text");
        let (_, body) = text.split_once("\r\n\r\n").expect("a body");
        ok(&body.replace("http://127.0.0.1", "https://127.0.0.1"))
    };
    let camera = Fake::start_with(certificate.into(), answer).await;
    let found = camera.ask(None).await.expect("an answer");
    assert_eq!(found.sources.len(), 1);
}

#[tokio::test]
async fn what_takes_too_long_is_one_answer_or_all_together_and_the_error_says_which() {
    let silent = Fake::start(|_, _| Vec::new()).await;
    let limits = |call: u64, device: u64| Limits {
        call: Duration::from_secs(call),
        device: Duration::from_secs(device),
        ..LIMITS
    };
    let error = silent.ask_within(None, &limits(1, 30)).await;
    let error = error.expect_err("silence");
    assert!(
        matches!(error, AskError::Timeout { seconds: 1, .. }),
        "{error}"
    );
    let error = silent.ask_within(None, &limits(30, 2)).await;
    let error = error.expect_err("silence");
    assert!(matches!(error, AskError::Late { seconds: 2 }), "{error}");
    assert_eq!(error.to_string(), "its answers together take more than 2 s");
}

/// Devices that all answer at once, while whoever hears of the first is busy until the search is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_came_in_time_is_read_however_long_others_took() {
    const DEVICES: usize = 12;
    let devices = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let devices = devices.expect("a free port");
    let address = devices.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut probe = vec![0; 64 * 1024];
        let (length, from) = devices.recv_from(&mut probe).await.expect("a probe");
        let probe = String::from_utf8_lossy(&probe[..length]).into_owned();
        let id = probe.split("MessageID>").nth(1).expect("an id");
        let id = id.split('<').next().expect("its text");
        for number in 0..DEVICES {
            let answer = matched(id, number);
            devices
                .send_to(answer.as_bytes(), from)
                .await
                .expect("sent");
        }
    });
    let listen = Duration::from_millis(800);
    let mut is_first = true;
    let found = discover(&[Route::Unicast(address)], listen, |_| {
        if std::mem::take(&mut is_first) {
            std::thread::sleep(listen);
        }
    })
    .await;
    assert_eq!(found.devices.len(), DEVICES, "{:?}", found.failures);
    assert_eq!(found.devices[0].address, IpAddr::from(Ipv4Addr::LOCALHOST));
}

fn matched(id: &str, number: usize) -> String {
    format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
         xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing' \
         xmlns:d='http://schemas.xmlsoap.org/ws/2005/04/discovery'><s:Header>\
         <a:RelatesTo>{id}</a:RelatesTo></s:Header><s:Body><d:ProbeMatches><d:ProbeMatch>\
         <a:EndpointReference><a:Address>urn:uuid:00000000-0000-0000-0000-{number:012}</a:Address>\
         </a:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types>\
         <d:XAddrs>http://127.0.0.1:{port}/onvif/device_service</d:XAddrs>\
         </d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>",
        port = 8000 + number
    )
}
