//! What a device answers.

use std::borrow::Cow;
use std::net::IpAddr;

use chrono::{Datelike as _, Timelike as _};
use roxmltree::Node;

use super::devices::{Device, Devices};
use crate::camera::LiveCamera;

/// A status of HTTP, and a SOAP envelope.
pub(super) type Answer = (u16, String);

const NAMESPACES: &str = "xmlns:SOAP-ENV=\"http://www.w3.org/2003/05/soap-envelope\" \
    xmlns:tt=\"http://www.onvif.org/ver10/schema\" \
    xmlns:tds=\"http://www.onvif.org/ver10/device/wsdl\" \
    xmlns:trt=\"http://www.onvif.org/ver10/media/wsdl\" \
    xmlns:ter=\"http://www.onvif.org/ver10/error\"";

/// Whether anybody may ask: a client needs the clock for its proof.
pub(super) fn is_open(operation: &str) -> bool {
    operation == "GetSystemDateAndTime"
}

/// Answers an operation of a device. `local`: where the client has reached this machine.
pub(super) fn answer(
    devices: &Devices,
    device: &Device,
    operation: Node<'_, '_>,
    local: IpAddr,
) -> Answer {
    let url = |service| devices.service_url(device, service, local);
    let body = match operation.tag_name().name() {
        "GetSystemDateAndTime" => clock(devices),
        "GetServices" => format!(
            "<tds:GetServicesResponse>{}{}</tds:GetServicesResponse>",
            service(
                "http://www.onvif.org/ver10/device/wsdl",
                &url("device_service")
            ),
            service(
                "http://www.onvif.org/ver10/media/wsdl",
                &url("media_service")
            ),
        ),
        "GetCapabilities" => format!(
            "<tds:GetCapabilitiesResponse><tds:Capabilities>\
             <tt:Device><tt:XAddr>{}</tt:XAddr></tt:Device><tt:Media><tt:XAddr>{}</tt:XAddr></tt:Media>\
             </tds:Capabilities></tds:GetCapabilitiesResponse>",
            url("device_service"),
            url("media_service")
        ),
        "GetDeviceInformation" => format!(
            "<tds:GetDeviceInformationResponse><tds:Manufacturer>camweave</tds:Manufacturer>\
             <tds:Model>camera-sim</tds:Model><tds:FirmwareVersion>{}</tds:FirmwareVersion>\
             <tds:SerialNumber>{}</tds:SerialNumber><tds:HardwareId>1</tds:HardwareId>\
             </tds:GetDeviceInformationResponse>",
            env!("CARGO_PKG_VERSION"),
            device.uuid
        ),
        "GetProfiles" => format!(
            "<trt:GetProfilesResponse>{}</trt:GetProfilesResponse>",
            device
                .streams
                .iter()
                .map(|it| profile(device, it))
                .collect::<String>()
        ),
        "GetStreamUri" => {
            let token = operation
                .descendants()
                .find(|it| it.tag_name().name() == "ProfileToken");
            let token = token.and_then(|it| it.text()).unwrap_or_default().trim();
            let Some(camera) = device.streams.iter().find(|it| it.setup.id == token) else {
                return fault(400, "ter:NoProfile", "no profile has this token");
            };
            format!(
                "<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{}</tt:Uri>\
                 <tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>\
                 <tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout>\
                 </trt:MediaUri></trt:GetStreamUriResponse>",
                devices.stream_url(camera, local)
            )
        }
        _ => return fault(400, "ter:ActionNotSupported", "the device does not have it"),
    };
    (200, envelope(&body))
}

/// A fault of the client's, with ONVIF's subcode.
pub(super) fn fault(status: u16, code: &str, reason: &str) -> Answer {
    let body = format!(
        "<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value>\
         <SOAP-ENV:Subcode><SOAP-ENV:Value>{code}</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code>\
         <SOAP-ENV:Reason><SOAP-ENV:Text xml:lang=\"en\">{reason}</SOAP-ENV:Text></SOAP-ENV:Reason>\
         </SOAP-ENV:Fault>"
    );
    (status, envelope(&body))
}

/// `text` as an element's content.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    match text.contains(['&', '<', '>']) {
        true => Cow::Owned(
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;"),
        ),
        false => Cow::Borrowed(text),
    }
}

fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><SOAP-ENV:Envelope {NAMESPACES}>\
         <SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )
}

fn clock(devices: &Devices) -> String {
    let now = devices.now();
    let (hour, minute, second) = (now.hour(), now.minute(), now.second());
    let (year, month, day) = (now.year(), now.month(), now.day());
    format!(
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>\
         <tt:DateTimeType>Manual</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>\
         <tt:UTCDateTime><tt:Time><tt:Hour>{hour}</tt:Hour><tt:Minute>{minute}</tt:Minute>\
         <tt:Second>{second}</tt:Second></tt:Time><tt:Date><tt:Year>{year}</tt:Year>\
         <tt:Month>{month}</tt:Month><tt:Day>{day}</tt:Day></tt:Date></tt:UTCDateTime>\
         </tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )
}

fn service(namespace: &str, address: &str) -> String {
    format!(
        "<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>{address}</tds:XAddr>\
         <tds:Version><tt:Major>2</tt:Major><tt:Minor>6</tt:Minor></tds:Version></tds:Service>"
    )
}

fn profile(device: &Device, camera: &LiveCamera) -> String {
    let (token, clip) = (&camera.setup.id, &camera.setup.clip);
    let (width, height) = (clip.width, clip.height);
    let (codec, fps) = (clip.codec.rtpmap_name(), clip.fps.round());
    let name = match *token == device.id {
        true => "main",
        false => "sub",
    };
    format!(
        "<trt:Profiles token=\"{token}\" fixed=\"true\"><tt:Name>{name}</tt:Name>\
         <tt:VideoSourceConfiguration token=\"source\"><tt:Name>source</tt:Name>\
         <tt:SourceToken>source</tt:SourceToken></tt:VideoSourceConfiguration>\
         <tt:VideoEncoderConfiguration token=\"{token}\"><tt:Name>{name}</tt:Name>\
         <tt:Encoding>{codec}</tt:Encoding><tt:Resolution><tt:Width>{width}</tt:Width>\
         <tt:Height>{height}</tt:Height></tt:Resolution><tt:RateControl>\
         <tt:FrameRateLimit>{fps}</tt:FrameRateLimit></tt:RateControl>\
         </tt:VideoEncoderConfiguration></trt:Profiles>"
    )
}
