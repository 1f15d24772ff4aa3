//! Probes of WS-Discovery (2005/04).

use uuid::Builder;

/// Where devices listen for probes.
pub const PORT: u16 = 3702;
/// The group that they are in.
pub(crate) const GROUP: [u8; 4] = [239, 255, 255, 250];

/// What is asked for: devices with video, and all devices of ONVIF. Some answer to one of them only.
pub(crate) const KINDS: [&str; 2] = [
    "xmlns:t=\"http://www.onvif.org/ver10/network/wsdl\">t:NetworkVideoTransmitter",
    "xmlns:t=\"http://www.onvif.org/ver10/device/wsdl\">t:Device",
];

/// The probes of one search: their ids begin alike, as nobody else's do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probes {
    mark: [u8; 8],
}

impl Probes {
    pub fn new() -> Self {
        Self {
            mark: rand::random(),
        }
    }

    /// Whether this is the id of one of them, as a device repeats it.
    pub fn have_sent(&self, id: &str) -> bool {
        let own = self.id([0; 8]);
        // With or without `urn:` and `uuid:`.
        let id = id.rsplit(':').next().unwrap_or_default().as_bytes();
        let mark = &own.as_bytes()[..MARK_CHARACTERS];
        id.get(..MARK_CHARACTERS)
            .is_some_and(|it| it.eq_ignore_ascii_case(mark))
    }

    /// A probe for one of [`KINDS`], with an id of its own.
    pub fn probe(&self, kind: &str) -> String {
        probe(kind, &self.id(rand::random()))
    }

    fn id(&self, rest: [u8; 8]) -> String {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.mark);
        bytes[8..].copy_from_slice(&rest);
        let id = Builder::from_random_bytes(bytes).into_uuid();
        id.to_string()
    }
}

/// Of an id in text: 8 bytes in hexadecimal digits, with two hyphens.
const MARK_CHARACTERS: usize = 18;

fn probe(kind: &str, id: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
         xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\">\
         <s:Header><a:MessageID>uuid:{id}</a:MessageID>\
         <a:To s:mustUnderstand=\"1\">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>\
         <a:Action s:mustUnderstand=\"1\">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>\
         </s:Header><s:Body><d:Probe><d:Types {kind}</d:Types></d:Probe></s:Body></s:Envelope>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml;

    #[test]
    fn a_probe_names_what_is_looked_for() {
        for (kind, expected) in KINDS.iter().zip(["network", "device"]) {
            let probes = Probes::new();
            let text = probes.probe(kind);
            assert_ne!(text, probes.probe(kind), "ids are the same");
            let document = xml::tests::parse(&text, 100).expect("well-formed");
            let types = xml::at(document.root_element(), &["Body", "Probe", "Types"]);
            let types = types.expect("types");
            let name = types.text().expect("a name");
            let (prefix, _) = name.split_once(':').expect("a prefix");
            let namespace = types.lookup_namespace_uri(Some(prefix));
            let namespace = namespace.expect("declared");
            assert!(namespace.contains(expected), "{name} of {namespace}");
            let id = xml::text(document.root_element(), &["Header", "MessageID"]);
            let id = id.expect("an id");
            assert!(probes.have_sent(id) && probes.have_sent(&id.to_uppercase()));
            assert!(probes.have_sent(&format!("urn:{id}")));
            assert!(!Probes::new().have_sent(id) && !probes.have_sent("uuid:"));
        }
    }
}
