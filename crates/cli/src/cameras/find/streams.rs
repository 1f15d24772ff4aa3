//! Cameras of devices, and the streams that are chosen of them.

use camweave_onvif::{Source, Stream, StreamRemark, StreamUrl};
use clap::ValueEnum;

use super::asking::Asked;

/// A stream of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// The largest
    Main,
    /// The smallest; the only one where there is one
    Sub,
}

/// A camera: a device, or a channel of one.
pub struct Entry<'a> {
    pub asked: &'a Asked,
    /// The device's name; with the number of the channel where it has several.
    pub name: String,
    pub source: &'a Source,
}

impl Entry<'_> {
    /// The stream that is meant.
    pub fn stream(&self, which: Which) -> Option<&Stream> {
        let sub = self.source.sub().filter(|_| which == Which::Sub);
        sub.or_else(|| self.source.main())
    }

    /// Its URL, if it leads to the device itself.
    pub fn url(&self, which: Which) -> Option<&StreamUrl> {
        let url = self.stream(which)?.url.as_ref()?.as_ref().ok()?;
        let is_elsewhere = matches!(url.remark, Some(StreamRemark::OtherHost { .. }));
        (!is_elsewhere).then_some(url)
    }

    /// Whether it names a stream at all.
    pub fn is_playable(&self) -> bool {
        let streams = self.source.streams.iter();
        streams.filter_map(|it| it.url.as_ref()).any(Result::is_ok)
    }
}

/// The cameras of all devices that have named some.
pub fn entries(asked: &[Asked]) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for asked in asked {
        let Ok(device) = &asked.answer else {
            continue;
        };
        let several = device.sources.len() > 1;
        for (at, source) in device.sources.iter().enumerate() {
            let mut name = asked.name();
            if several {
                name = format!("{name} {}", at + 1);
            }
            entries.push(Entry {
                asked,
                name,
                source,
            });
        }
    }
    entries
}

impl Asked {
    /// The device's name, else its address.
    pub fn name(&self) -> String {
        let told = self.answer.as_ref().ok().and_then(|it| it.name.clone());
        let announced = self.device.name.clone().or(self.device.hardware.clone());
        told.or(announced)
            .unwrap_or_else(|| self.device.address.to_string())
    }
}
