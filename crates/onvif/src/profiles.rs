//! Profiles of a media service, of version 1 and 2.

use crate::error::AskError;
use crate::limits::{NAME_CHARACTERS, PROFILES};
use crate::xml::{Node, at, children, text};

/// A profile with a video encoder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Profile {
    pub token: String,
    pub name: String,
    /// The video source that it shows; empty where the device does not say.
    pub source: String,
    pub codec: String,
    pub size: Option<(u32, u32)>,
    pub fps: Option<f64>,
}

/// The profiles in an answer to `GetProfiles`.
pub(crate) fn read(body: Node<'_, '_>) -> Result<Vec<Profile>, AskError> {
    let lacking = AskError::Lacking {
        what: "GetProfiles",
        lacking: "GetProfilesResponse",
    };
    let response = at(body, &["GetProfilesResponse"]).ok_or(lacking)?;
    let profiles = children(response, "Profiles").filter_map(profile);
    Ok(profiles.take(PROFILES).collect())
}

fn profile(node: Node<'_, '_>) -> Option<Profile> {
    let token = node.attribute("token")?;
    // Version 1 has the configurations in the profile itself, version 2 in one element.
    let second = at(node, &["Configurations"]);
    let (encoder, source) = match second {
        Some(all) => (at(all, &["VideoEncoder"])?, at(all, &["VideoSource"])),
        None => (
            at(node, &["VideoEncoderConfiguration"])?,
            at(node, &["VideoSourceConfiguration"]),
        ),
    };
    let number = |name| text(encoder, &["Resolution", name])?.parse::<u32>().ok();
    let size = number("Width").zip(number("Height"));
    let fps = text(encoder, &["RateControl", "FrameRateLimit"]).and_then(|it| it.parse().ok());
    let cut = |text: &str| text.chars().take(NAME_CHARACTERS).collect::<String>();
    Some(Profile {
        token: token.to_owned(),
        name: text(node, &["Name"]).map_or_else(|| cut(token), cut),
        source: source
            .and_then(|it| text(it, &["SourceToken"]))
            .map_or_else(String::new, cut),
        codec: codec(text(encoder, &["Encoding"]).unwrap_or("unknown codec")),
        size: size.filter(|(width, height)| *width > 0 && *height > 0),
        fps: fps.filter(|it: &f64| it.is_finite() && *it > 0.0),
    })
}

/// As people write it.
fn codec(encoding: &str) -> String {
    match encoding.to_ascii_uppercase().as_str() {
        "H264" => "H.264".to_owned(),
        "H265" | "HEVC" => "H.265".to_owned(),
        _ => encoding.chars().take(NAME_CHARACTERS).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::tests::parse;

    fn read_of(profiles: &str) -> Vec<Profile> {
        let text = format!(
            "<e:Body xmlns:e='urn:e' xmlns:m='urn:m' xmlns:x='urn:x'>\
             <m:GetProfilesResponse>{profiles}</m:GetProfilesResponse></e:Body>"
        );
        let document = parse(&text, 1000).expect("well-formed");
        read(document.root_element()).expect("an answer")
    }

    #[test]
    fn profiles_of_both_versions() {
        let encoder = "<x:Encoding>H264</x:Encoding><x:Resolution><x:Width>1920</x:Width>\
                       <x:Height>1080</x:Height></x:Resolution>\
                       <x:RateControl><x:FrameRateLimit>12.5</x:FrameRateLimit></x:RateControl>";
        let source = "<x:SourceToken>vs0</x:SourceToken>";
        let first = format!(
            "<m:Profiles token='p&amp;1' fixed='true'><x:Name>mainStream</x:Name>\
             <x:VideoSourceConfiguration token='a'>{source}</x:VideoSourceConfiguration>\
             <x:VideoEncoderConfiguration token='b'>{encoder}</x:VideoEncoderConfiguration></m:Profiles>"
        );
        let second = format!(
            "<m:Profiles token='p&amp;1'><m:Name>mainStream</m:Name><m:Configurations>\
             <m:VideoSource token='a'>{source}</m:VideoSource>\
             <m:VideoEncoder token='b'>{encoder}</m:VideoEncoder></m:Configurations></m:Profiles>"
        );
        let expected = Profile {
            token: "p&1".to_owned(),
            name: "mainStream".to_owned(),
            source: "vs0".to_owned(),
            codec: "H.264".to_owned(),
            size: Some((1920, 1080)),
            fps: Some(12.5),
        };
        for answer in [first, second] {
            assert_eq!(read_of(&answer), std::slice::from_ref(&expected));
        }
    }

    #[test]
    fn what_a_profile_does_not_say_is_not_known() {
        let bare = "<m:Profiles token='a'><x:VideoEncoderConfiguration/></m:Profiles>\
                    <m:Profiles><x:VideoEncoderConfiguration/></m:Profiles>\
                    <m:Profiles token='audio'><x:AudioEncoderConfiguration/></m:Profiles>\
                    <m:Profiles token='b'><x:VideoEncoderConfiguration><x:Encoding>hevc</x:Encoding>\
                    <x:Resolution><x:Width>-1</x:Width><x:Height>x</x:Height></x:Resolution>\
                    <x:RateControl><x:FrameRateLimit>NaN</x:FrameRateLimit></x:RateControl>\
                    </x:VideoEncoderConfiguration></m:Profiles>";
        let found = read_of(bare);
        let shown: Vec<_> = found
            .iter()
            .map(|it| (&*it.token, &*it.name, &*it.codec, it.size, it.fps))
            .collect();
        assert_eq!(
            shown,
            [
                ("a", "a", "unknown codec", None, None),
                ("b", "b", "H.265", None, None)
            ]
        );
    }
}
