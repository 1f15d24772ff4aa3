//! Answers probes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use roxmltree::Document;
use tokio::net::UdpSocket;

use super::devices::{Device, Devices};

/// The group of devices that listen for probes.
pub(super) const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
/// A probe has some 800 bytes.
const PROBE_BYTES: usize = 16 * 1024;

pub(super) async fn serve(socket: UdpSocket, devices: Arc<Devices>) {
    let mut buffer = vec![0; PROBE_BYTES];
    loop {
        let (length, peer) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "no probe received");
                continue;
            }
        };
        let text = String::from_utf8_lossy(&buffer[..length]);
        let Some(id) = probe_id(&text).filter(|_| devices.is_in_reach_of(peer.ip())) else {
            continue;
        };
        let Ok(local) = towards(peer).await else {
            continue;
        };
        for device in &devices.all {
            let answer = answer(&devices, device, &id, local);
            if let Err(error) = socket.send_to(answer.as_bytes(), peer).await {
                tracing::debug!(%error, %peer, "probe not answered");
            }
        }
    }
}

/// The id of a probe for devices with video; `None`: it is for others, or no probe.
fn probe_id(text: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let find = |name: &str| {
        let mut all = document.descendants();
        all.find(|it| it.tag_name().name() == name)
    };
    let probe = find("Probe")?;
    let types = probe.children().find(|it| it.tag_name().name() == "Types");
    let types = types.and_then(|it| it.text()).unwrap_or_default();
    let is_meant = |name: &str| {
        let local = name.rsplit(':').next().unwrap_or(name);
        matches!(local, "NetworkVideoTransmitter" | "Device")
    };
    let mut types = types.split_ascii_whitespace().peekable();
    if types.peek().is_some() && !types.any(is_meant) {
        return None;
    }
    Some(find("MessageID")?.text()?.trim().to_owned())
}

/// The address of this machine for a host.
async fn towards(peer: SocketAddr) -> std::io::Result<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(peer).await?;
    Ok(socket.local_addr()?.ip())
}

fn answer(devices: &Devices, device: &Device, id: &str, local: IpAddr) -> String {
    let address = devices.service_url(device, "device_service", local);
    let Device { uuid, id: name, .. } = device;
    let id = super::answers::escaped(id);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:wsa=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
         xmlns:wsdd=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\" \
         xmlns:dn=\"http://www.onvif.org/ver10/network/wsdl\">\
         <SOAP-ENV:Header><wsa:RelatesTo>{id}</wsa:RelatesTo>\
         <wsa:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</wsa:Action></SOAP-ENV:Header>\
         <SOAP-ENV:Body><wsdd:ProbeMatches><wsdd:ProbeMatch>\
         <wsa:EndpointReference><wsa:Address>urn:uuid:{uuid}</wsa:Address></wsa:EndpointReference>\
         <wsdd:Types>dn:NetworkVideoTransmitter</wsdd:Types>\
         <wsdd:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/Profile/Streaming \
         onvif://www.onvif.org/name/{name} onvif://www.onvif.org/hardware/camera-sim</wsdd:Scopes>\
         <wsdd:XAddrs>{address}</wsdd:XAddrs><wsdd:MetadataVersion>1</wsdd:MetadataVersion>\
         </wsdd:ProbeMatch></wsdd:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_for_others_are_not_answered() {
        let probe = |types: &str| {
            probe_id(&format!(
                "<e><h><MessageID> uuid:7 </MessageID></h><b><Probe>{types}</Probe></b></e>"
            ))
        };
        let meant = Some("uuid:7".to_owned());
        assert_eq!(probe("<Types>a:NetworkVideoTransmitter</Types>"), meant);
        assert_eq!(probe("<Types>x:Printer a:Device</Types>"), meant);
        assert_eq!(probe("<Types/>"), meant);
        assert_eq!(probe(""), meant);
        assert_eq!(probe("<Types>x:Printer</Types>"), None);
        assert_eq!(probe_id("<e><MessageID>1</MessageID></e>"), None);
        assert_eq!(probe_id("garbage"), None);
    }
}
