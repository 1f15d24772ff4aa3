//! Where the decoder's frames really lie.

use std::process::Command;

use super::*;
use camweave_decode::{Budget, FrameSettings};

/// The mapping of this process in which an address lies: its name and permissions.
fn mapping_of(address: usize) -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux tells the mappings");
    let line = maps.lines().find(|line| {
        let range = line
            .split(' ')
            .next()
            .and_then(|range| range.split_once('-'));
        range.is_some_and(|(start, end)| {
            let parse = |text| usize::from_str_radix(text, 16).expect("an address");
            (parse(start)..parse(end)).contains(&address)
        })
    });
    line.unwrap_or_default().to_owned()
}

#[test]
fn the_decoder_works_in_the_slots_that_consumers_read() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let raw = folder.path().join("clip.h264");
    let made = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-loglevel",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x180",
        ])
        .args(["-frames:v", "30", "-c:v", "libx264", "-f", "h264"])
        .arg(&raw)
        .status()
        .expect("the ffmpeg command is installed");
    assert!(made.success());

    let limits = FrameSettings::default();
    let direct = Arc::new(Direct::new(
        &Arc::from("cam1"),
        limits,
        &Budget::new(1 << 30, 1 << 30),
    ));
    let mut decoder =
        Decoder::open(Codec::H264, Orientation::UPRIGHT, &direct).expect("FFmpeg is installed");
    let attachments = camweave_pool::Attachments::new();
    let mut input = ffmpeg_next::format::input(&raw).expect("a media file");
    let mut count = 0;
    let mut check = |decoder: &mut Decoder| {
        while decoder.receive().expect("a sound stream").is_some() {
            // What libavcodec's frame points to is the memory of the pool.
            let own = direct::raw_planes(decoder.picture());
            let base = direct::buffer_address(decoder.picture()).expect("a buffer");
            let mapping = mapping_of(own[0].0.addr());
            assert!(mapping.contains("camweave-data:cam1"), "{mapping}");
            let published = decoder.publish().expect("a free slot");
            assert!(published.is_direct);
            let slot = attachments
                .acquire(&published.picture.slot)
                .expect("just published");
            let planes = &published.picture.layout.planes;
            for ((address, stride), plane) in own.iter().zip(planes.iter()) {
                assert_eq!(address.addr() - base, plane.offset as usize);
                assert_eq!(i64::from(*stride), i64::from(plane.stride));
            }
            // The consumer's mapping is another one of the same bytes, for reading only.
            assert_ne!(slot.as_ptr().addr(), base);
            let mapping = mapping_of(slot.as_ptr().addr());
            assert!(
                mapping.contains("camweave-data:cam1") && mapping.contains(" r--s"),
                "{mapping}"
            );
            assert_eq!(slot[..4096], bytes_at(decoder, 4096)[..]);
            decoder.release();
            count += 1;
        }
    };
    for (ticket, packet) in input.packets().enumerate() {
        let packet = packet.1;
        let data = packet.data().expect("data");
        decoder.send(data, ticket as i64).expect("a sound stream");
        check(&mut decoder);
    }
    decoder.finish().expect("the first time");
    check(&mut decoder);
    assert_eq!(count, 30);
}

/// The first bytes of the decoder's own frame.
fn bytes_at(decoder: &Decoder, count: usize) -> Vec<u8> {
    decoder.picture().data(0)[..count].to_vec()
}
