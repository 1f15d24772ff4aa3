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

/// A probe for one of [`KINDS`], with an id of its own.
pub(crate) fn probe(kind: &str) -> String {
    let id = Builder::from_random_bytes(rand::random()).into_uuid();
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
            let text = probe(kind);
            assert_ne!(text, probe(kind), "ids are the same");
            let document = xml::parse(&text, 100).expect("well-formed");
            let types = xml::at(document.root_element(), &["Body", "Probe", "Types"]);
            let types = types.expect("types");
            let name = types.text().expect("a name");
            let (prefix, _) = name.split_once(':').expect("a prefix");
            let namespace = types.lookup_namespace_uri(Some(prefix));
            let namespace = namespace.expect("declared");
            assert!(namespace.contains(expected), "{name} of {namespace}");
        }
    }
}
