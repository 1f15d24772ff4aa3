//! The media services of a device: where they are, and their requests.

use std::net::IpAddr;

use crate::call::Caller;
use crate::envelope::Operation;
use crate::error::AskError;
use crate::limits::NAME_CHARACTERS;
use crate::service::Service;
use crate::xml::{Node, at, children, escaped, text};

pub(crate) const DEVICE: &str = "http://www.onvif.org/ver10/device/wsdl";
const MEDIA: &str = "http://www.onvif.org/ver10/media/wsdl";
const MEDIA2: &str = "http://www.onvif.org/ver20/media/wsdl";
const SCHEMA: &str = "http://www.onvif.org/ver10/schema";
/// Services that are looked at.
const SERVICES: usize = 64;

/// A media service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Media {
    pub namespace: &'static str,
    pub service: Service,
}

impl Media {
    pub fn get_profiles(&self) -> Operation {
        let operation = Operation::new(self.namespace, "GetProfiles");
        match self.is_second() {
            true => operation.with("<Type>VideoSource</Type><Type>VideoEncoder</Type>"),
            false => operation,
        }
    }

    pub fn get_stream_uri(&self, profile: &str) -> Operation {
        let token = format!("<ProfileToken>{}</ProfileToken>", escaped(profile));
        let how = match self.is_second() {
            true => "<Protocol>RTSP</Protocol>".to_owned(),
            false => format!(
                "<StreamSetup><Stream xmlns=\"{SCHEMA}\">RTP-Unicast</Stream>\
                 <Transport xmlns=\"{SCHEMA}\"><Protocol>RTSP</Protocol></Transport></StreamSetup>"
            ),
        };
        Operation::new(self.namespace, "GetStreamUri").with(how + &token)
    }

    /// Version 2: it has profiles of H.265, which many devices leave out of version 1.
    fn is_second(&self) -> bool {
        self.namespace == MEDIA2
    }
}

/// The URI in an answer to `GetStreamUri`.
pub(crate) fn stream_uri(body: Node<'_, '_>) -> Result<String, AskError> {
    let response = "GetStreamUriResponse";
    let uri = text(body, &[response, "MediaUri", "Uri"]).or_else(|| text(body, &[response, "Uri"]));
    uri.map(str::to_owned).ok_or(AskError::Lacking {
        what: "GetStreamUri",
        lacking: "Uri",
    })
}

/// Maker and model, where a device does not name itself.
pub(crate) async fn information(
    caller: &mut Caller<'_>,
    service: &Service,
) -> Result<String, AskError> {
    let operation = Operation::new(DEVICE, "GetDeviceInformation");
    let read = |body: Node<'_, '_>| {
        let part = |name| text(body, &["GetDeviceInformationResponse", name]);
        let parts: Vec<&str> = ["Manufacturer", "Model"]
            .into_iter()
            .filter_map(part)
            .collect();
        match parts.is_empty() {
            true => Err(AskError::Lacking {
                what: "GetDeviceInformation",
                lacking: "Model",
            }),
            false => Ok(parts.join(" ").chars().take(NAME_CHARACTERS).collect()),
        }
    };
    caller.call(service, &operation, read).await
}

/// The media services of a device, the preferred one first.
pub(crate) async fn services(
    caller: &mut Caller<'_>,
    device: &Service,
    host: IpAddr,
) -> Result<Vec<Media>, AskError> {
    let operation =
        Operation::new(DEVICE, "GetServices").with("<IncludeCapability>false</IncludeCapability>");
    let found = caller.call(device, &operation, |it| Ok(listed(it, device, host)));
    match found.await {
        Ok(found) if !found.is_empty() => return Ok(found),
        Err(error) if error.is_final() => return Err(error),
        // Devices of before ONVIF 2.0 do not know it.
        _ => {}
    }
    let operation = Operation::new(DEVICE, "GetCapabilities").with("<Category>All</Category>");
    let found = caller.call(device, &operation, |it| Ok(capable(it, device, host)));
    let lacking = AskError::Lacking {
        what: "GetCapabilities",
        lacking: "media service that can be called",
    };
    found.await?.map(|it| vec![it]).ok_or(lacking)
}

fn listed(body: Node<'_, '_>, device: &Service, host: IpAddr) -> Vec<Media> {
    let Some(response) = at(body, &["GetServicesResponse"]) else {
        return Vec::new();
    };
    let all: Vec<_> = children(response, "Service").take(SERVICES).collect();
    let of = |namespace: &'static str| {
        let is_it = |it: &&Node<'_, '_>| text(**it, &["Namespace"]) == Some(namespace);
        let node = all.iter().find(is_it)?;
        let service = address(text(*node, &["XAddr"])?, device, host)?;
        Some(Media { namespace, service })
    };
    [MEDIA2, MEDIA].into_iter().filter_map(of).collect()
}

fn capable(body: Node<'_, '_>, device: &Service, host: IpAddr) -> Option<Media> {
    let path = ["GetCapabilitiesResponse", "Capabilities", "Media", "XAddr"];
    let service = address(text(body, &path)?, device, host)?;
    Some(Media {
        namespace: MEDIA,
        service,
    })
}

/// A path alone is at the port of the device's first service.
fn address(text: &str, device: &Service, host: IpAddr) -> Option<Service> {
    match text.starts_with('/') {
        true => Some(Service {
            path: text.to_owned(),
            ..device.clone()
        }),
        false => Service::choose(text, host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::tests::parse;

    const HOST: [u8; 4] = [192, 0, 2, 10];

    #[test]
    fn the_second_version_is_preferred_and_called_at_the_device() {
        let service = |namespace: &str, address: &str| {
            format!(
                "<a:Service><a:Namespace>{namespace}</a:Namespace><a:XAddr>{address}</a:XAddr></a:Service>"
            )
        };
        let text = format!(
            "<b xmlns:a='urn:a'><a:GetServicesResponse>{}{}{}</a:GetServicesResponse></b>",
            service(DEVICE, "http://192.0.2.10/onvif/device_service"),
            service(MEDIA, "http://0.0.0.0:8080/onvif/media"),
            service(MEDIA2, "http://[fe80::1]/onvif/media2?a=1&amp;b=2"),
        );
        let document = parse(&text, 100).expect("well-formed");
        let found = listed(document.root_element(), &Service::device(80), HOST.into());
        let at = |port, path: &str| Service {
            is_tls: false,
            port,
            path: path.to_owned(),
        };
        let expected = [
            (MEDIA2, at(80, "/onvif/media2?a=1&b=2")),
            (MEDIA, at(8080, "/onvif/media")),
        ];
        let expected = expected.map(|(namespace, service)| Media { namespace, service });
        assert_eq!(found, expected);
    }

    #[test]
    fn capabilities_name_the_first_version() {
        let text = "<b xmlns:t='urn:t'><t:GetCapabilitiesResponse><t:Capabilities><t:Media>\
                    <t:XAddr>/onvif/Media</t:XAddr></t:Media></t:Capabilities></t:GetCapabilitiesResponse></b>";
        let document = parse(text, 100).expect("well-formed");
        let device = Service::device(8080);
        let media = capable(document.root_element(), &device, HOST.into()).expect("a service");
        assert_eq!(
            (media.namespace, media.service.url(HOST.into())),
            (MEDIA, "http://192.0.2.10:8080/onvif/Media".to_owned())
        );
    }

    #[test]
    fn a_token_with_markup_stays_text() {
        let media = Media {
            namespace: MEDIA2,
            service: Service::device(80),
        };
        let request = media.get_stream_uri("a</ProfileToken>&").envelope(None);
        let document = parse(&request, 100).expect("well-formed");
        let token = ["Body", "GetStreamUri", "ProfileToken"];
        assert_eq!(
            text(document.root_element(), &token),
            Some("a</ProfileToken>&")
        );
    }
}
