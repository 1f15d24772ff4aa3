//! What a device says of itself when it answers a probe.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::limits::NAME_CHARACTERS;
use crate::probe::Probes;
use crate::service::{self, Service};
use crate::xml::{self, Bounds, Node};

/// Of an answer. Many may come, so one is parsed in some milliseconds.
const BOUNDS: Bounds = Bounds {
    nodes: 4096,
    declarations: 256,
};
/// Devices in one answer: a recorder may answer for what is behind it.
const IN_ONE_ANSWER: usize = 64;
/// Scopes that are looked at.
const SCOPES: usize = 128;

/// A device that has answered, or that somebody has named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Its own, for life, such as `urn:uuid:…`; empty where it was not asked for.
    pub endpoint: String,
    /// From where it has answered. It is called there.
    pub address: IpAddr,
    /// Further addresses from which the same endpoint has answered: those of one device with several
    /// interfaces, or devices that share an identity.
    pub also: Vec<IpAddr>,
    /// Its first service; `None`: none that can be called.
    pub service: Option<Service>,
    /// The addresses that it names, as it names them.
    pub named: String,
    /// Name, as set by its owner or maker.
    pub name: Option<String>,
    /// Model.
    pub hardware: Option<String>,
    /// Where its owner has put it.
    pub location: Option<String>,
}

impl Announced {
    /// One that was not heard, but named.
    #[must_use]
    pub fn unheard(address: IpAddr, service: Service) -> Self {
        Self {
            endpoint: String::new(),
            address,
            also: Vec::new(),
            service: Some(service),
            named: String::new(),
            name: None,
            hardware: None,
            location: None,
        }
    }

    /// Whether it names this address for its service.
    pub(crate) fn names(&self, address: IpAddr) -> bool {
        let named = self.named.split_ascii_whitespace();
        let mut urls = named.filter_map(|it| Url::parse(it).ok());
        urls.any(|it| service::ip(&it) == Some(address))
    }

    /// The devices in a datagram that came `from`; none in one that is something else, or that answers
    /// to another probe than one of `probes`.
    pub(crate) fn read(datagram: &[u8], from: IpAddr, probes: &Probes) -> Vec<Self> {
        let text = String::from_utf8_lossy(datagram);
        let Ok(document) = xml::parse(text.trim_end_matches('\0'), BOUNDS) else {
            return Vec::new();
        };
        let root = document.root_element();
        let Some(matches) = xml::at(root, &["Body", "ProbeMatches"]) else {
            return Vec::new();
        };
        // Some leave it out.
        if xml::text(root, &["Header", "RelatesTo"]).is_some_and(|it| !probes.have_sent(it)) {
            return Vec::new();
        }
        xml::children(matches, "ProbeMatch")
            .take(IN_ONE_ANSWER)
            .filter_map(|node| Self::of(node, from))
            .collect()
    }

    fn of(node: Node<'_, '_>, from: IpAddr) -> Option<Self> {
        let list = |name| {
            let text = xml::at(node, &[name]).and_then(|it| it.text());
            text.unwrap_or_default()
        };
        let scopes = Scopes::read(list("Scopes"));
        if !is_onvif(node, list("Types")) && !scopes.are_onvif {
            return None;
        }
        let named = list("XAddrs").trim();
        Some(Self {
            endpoint: xml::text(node, &["EndpointReference", "Address"])
                .unwrap_or_default()
                .to_owned(),
            address: from,
            also: Vec::new(),
            service: Service::choose(named, from),
            named: cut(named),
            name: scopes.name,
            hardware: scopes.hardware,
            location: scopes.location,
        })
    }
}

/// Printers and others answer as well. A device that names no type answers to what it was asked for.
fn is_onvif(node: Node<'_, '_>, types: &str) -> bool {
    let types_node = xml::at(node, &["Types"]).unwrap_or(node);
    let mut types = types.split_ascii_whitespace().peekable();
    types.peek().is_none()
        || types.any(|name| {
            let (prefix, local) = name.split_once(':').unwrap_or(("", name));
            let namespace = types_node.lookup_namespace_uri(Some(prefix));
            local == "NetworkVideoTransmitter"
                || namespace.is_some_and(|it| it.contains("onvif.org"))
        })
}

#[derive(Debug, Default)]
struct Scopes {
    are_onvif: bool,
    name: Option<String>,
    hardware: Option<String>,
    location: Option<String>,
}

impl Scopes {
    /// `onvif://www.onvif.org/name/A%20camera` and others, separated by white space.
    fn read(text: &str) -> Self {
        const PREFIX: &str = "onvif://www.onvif.org/";
        let mut scopes = Self::default();
        for scope in text.split_ascii_whitespace().take(SCOPES) {
            let Some((head, path)) = scope.split_at_checked(PREFIX.len()) else {
                continue;
            };
            if !head.eq_ignore_ascii_case(PREFIX) {
                continue;
            }
            scopes.are_onvif = true;
            let Some((category, value)) = path.split_once('/') else {
                continue;
            };
            let place = match category.to_ascii_lowercase().as_str() {
                "name" => &mut scopes.name,
                "hardware" => &mut scopes.hardware,
                "location" => &mut scopes.location,
                _ => continue,
            };
            let value = percent_decode_str(value).decode_utf8_lossy();
            let value = cut(value.trim().trim_end_matches('/'));
            if place.is_none() && !value.is_empty() {
                *place = Some(value);
            }
        }
        scopes
    }
}

fn cut(text: &str) -> String {
    text.chars().take(NAME_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: [u8; 4] = [192, 0, 2, 10];

    fn read(text: &str) -> Vec<Announced> {
        Announced::read(text.as_bytes(), FROM.into(), &Probes::new())
    }

    /// Prefixes, order and white space as several makers write them.
    fn matches(inside: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<SOAP-ENV:Envelope \
             xmlns:SOAP-ENV=\"http://www.w3.org/2003/05/soap-envelope\" \
             xmlns:q=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
             xmlns:disco=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\" \
             xmlns:onv=\"http://www.onvif.org/ver10/network/wsdl\" \
             xmlns:dev=\"http://www.onvif.org/ver10/device/wsdl\">\
             <SOAP-ENV:Header><q:RelatesTo/></SOAP-ENV:Header>\
             <SOAP-ENV:Body><disco:ProbeMatches>{inside}</disco:ProbeMatches></SOAP-ENV:Body>\
             </SOAP-ENV:Envelope>"
        )
    }

    #[test]
    fn a_device_with_other_prefixes_and_several_addresses() {
        let text = matches(
            "<disco:ProbeMatch><q:EndpointReference><q:Address> urn:uuid:7 </q:Address></q:EndpointReference>\
             <disco:Types>\n onv:NetworkVideoTransmitter dev:Device</disco:Types>\
             <disco:Scopes>onvif://www.onvif.org/Profile/Streaming onvif://www.onvif.org/name/AXIS%20P3245-V \
             onvif://www.onvif.org/hardware/P3245-V/ onvif://www.onvif.org/location/country/china ONVIF://WWW.ONVIF.ORG/location/gate</disco:Scopes>\
             <disco:XAddrs>http://[fe80::aa]/onvif/device_service http://192.0.2.10:8080/onvif/device_service</disco:XAddrs>\
             <disco:MetadataVersion>1</disco:MetadataVersion></disco:ProbeMatch>",
        );
        let found = read(&text);
        let expected = Announced {
            endpoint: "urn:uuid:7".to_owned(),
            address: FROM.into(),
            also: Vec::new(),
            service: Some(Service::device(8080)),
            named: found[0].named.clone(),
            name: Some("AXIS P3245-V".to_owned()),
            hardware: Some("P3245-V".to_owned()),
            location: Some("country/china".to_owned()),
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn scopes_and_types_may_be_missing() {
        let text = matches(
            "<disco:ProbeMatch><disco:XAddrs>http://192.0.2.10/onvif/device_service</disco:XAddrs></disco:ProbeMatch>\
             <disco:ProbeMatch><disco:Types/><disco:Scopes> </disco:Scopes></disco:ProbeMatch>",
        );
        let found = read(&text);
        assert_eq!(found.len(), 2);
        assert_eq!((&*found[0].endpoint, &found[0].name), ("", &None));
        assert_eq!(found[0].service, Some(Service::device(80)));
        assert_eq!(found[1].service, None);
    }

    #[test]
    fn what_is_no_video_device_is_left_out() {
        let printer = matches(
            "<disco:ProbeMatch xmlns:w=\"http://schemas.xmlsoap.org/ws/2006/02/devprof\">\
             <disco:Types>w:Device w:PrintDeviceType</disco:Types></disco:ProbeMatch>",
        );
        assert_eq!(read(&printer), []);
        for text in [
            "",
            "\0\0",
            "<a/>",
            "<Envelope><Body><Hello/></Body></Envelope>",
        ] {
            assert_eq!(read(text), [], "{text:?}");
        }
        assert_eq!(
            Announced::read(&[0xff; 100], FROM.into(), &Probes::new()),
            []
        );
    }

    #[test]
    fn an_answer_is_bounded() {
        let one = "<disco:ProbeMatch><disco:Scopes>onvif://www.onvif.org/name/x</disco:Scopes></disco:ProbeMatch>";
        assert_eq!(read(&matches(&one.repeat(100))).len(), IN_ONE_ANSWER);
        assert_eq!(read(&matches(&one.repeat(5000))), []);
        let long = format!("onvif://www.onvif.org/name/{}", "ä".repeat(10_000));
        let scopes = Scopes::read(&long);
        assert_eq!(
            scopes.name.map(|it| it.chars().count()),
            Some(NAME_CHARACTERS)
        );
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[ -~]{0,80}", scopes in "(onvif://www.onvif.org/)?[ -~ä]{0,60}") {
            read(&text);
            read(&matches(&text));
            Scopes::read(&scopes);
        }
    }
}
