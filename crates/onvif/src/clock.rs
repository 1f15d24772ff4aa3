//! The clock of a device: proofs of a password count for some seconds around its time.

use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};

use crate::envelope::Operation;
use crate::error::AskError;
use crate::xml::{Node, at, text};

const NAME: &str = "GetSystemDateAndTime";
/// Of clocks that can be calculated with.
const YEARS: RangeInclusive<i32> = 1900..=9999;

pub(crate) fn operation(namespace: &'static str) -> Operation {
    Operation::new(namespace, NAME).open()
}

/// What the device's clock shows.
pub(crate) fn read(body: Node<'_, '_>) -> Result<DateTime<Utc>, AskError> {
    let path = [
        "GetSystemDateAndTimeResponse",
        "SystemDateAndTime",
        "UTCDateTime",
    ];
    let number = |node, path: &[&str]| text(node, path)?.parse::<u32>().ok();
    let time = at(body, &path).and_then(|node| {
        let year = text(node, &["Date", "Year"])?.parse().ok();
        let year = year.filter(|it| YEARS.contains(it))?;
        let (month, day) = (
            number(node, &["Date", "Month"])?,
            number(node, &["Date", "Day"])?,
        );
        let (hour, minute) = (
            number(node, &["Time", "Hour"])?,
            number(node, &["Time", "Minute"])?,
        );
        // Leap seconds, and those of wrong clocks.
        let second = number(node, &["Time", "Second"])?.min(59);
        let date = NaiveDate::from_ymd_opt(year, month, day)?;
        Some(date.and_hms_opt(hour, minute, second)?.and_utc())
    });
    time.ok_or(AskError::Lacking {
        what: NAME,
        lacking: "UTCDateTime",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::tests::parse;

    #[test]
    fn the_time_is_that_of_utc() {
        let with = |date: &str| {
            format!(
                "<b><t:GetSystemDateAndTimeResponse xmlns:t='urn:t'><t:SystemDateAndTime>\
                 <t:LocalDateTime><t:Time><t:Hour>9</t:Hour></t:Time></t:LocalDateTime>{date}\
                 </t:SystemDateAndTime></t:GetSystemDateAndTimeResponse></b>"
            )
        };
        let utc = "<t:UTCDateTime><t:Time><t:Hour>23</t:Hour><t:Minute>59</t:Minute><t:Second>60</t:Second></t:Time>\
                   <t:Date><t:Year>1970</t:Year><t:Month>1</t:Month><t:Day>2</t:Day></t:Date></t:UTCDateTime>";
        let read_of = |date: &str| {
            let text = with(date);
            let document = parse(&text, 100).expect("well-formed");
            read(document.root_element())
        };
        let time = read_of(utc).expect("a time");
        assert_eq!(time.timestamp(), 2 * 86_400 - 1);
        assert!(read_of("").is_err());
        assert!(read_of(&utc.replace(">1<", ">13<")).is_err());
        assert!(read_of(&utc.replace("1970", "262142")).is_err());
    }
}
