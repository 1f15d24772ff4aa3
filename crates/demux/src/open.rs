//! Opens a media file, and nothing else.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::{Duration, Instant};

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::context::Input;

use crate::FileError;
use crate::input::{self, Options};
use crate::interrupt::Interrupt;

/// The containers that are played, by FFmpeg's names. Everything else FFmpeg would also open:
/// playlists and lists of pictures, which lead to other files; devices; text, as a picture of it.
/// The last line is sound, so that it is said that it has no video.
const CONTAINERS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,vob,\
    flv,live_flv,kux,asf,asf_o,ogg,nut,nsv,nuv,mxf,mxg,gxf,dv,rm,ivr,wtv,pva,lmlm4,\
    ivf,obu,av1,h264,hevc,m4v,mjpeg,mjpeg_2000,mpjpeg,ingenient,dhav,ifv,iv8,\
    wav,w64,mp3,flac,aac,aiff,ac3";
/// How much of a file tells whether it is a list of others, in bytes.
const HEAD_BYTES: u64 = 512;
/// Boxes at the top of an MP4 file that are looked at.
const MAX_BOXES: usize = 4096;

/// Opening takes at most so long: an index is read, and the first frames of each stream.
const MAX_OPENING: Duration = Duration::from_secs(5);

/// Opens `path`.
pub(crate) fn open(path: &Path, interrupt: &Interrupt) -> Result<Input, FileError> {
    let owned = || path.to_owned();
    let failed = |source| FileError::Open {
        path: owned(),
        source,
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    let kind = metadata.file_type();
    if !kind.is_file() {
        // Opening a pipe would wait for its writer.
        let found = if kind.is_dir() {
            "a directory"
        } else if kind.is_fifo() {
            "a named pipe (FIFO)"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        };
        return Err(FileError::NotAFile {
            path: owned(),
            found,
        });
    }
    let mut file = File::open(path).map_err(failed)?;
    if metadata.len() == 0 {
        return Err(FileError::Empty { path: owned() });
    }
    let mut head = Vec::new();
    Read::by_ref(&mut file)
        .take(HEAD_BYTES)
        .read_to_end(&mut head)
        .map_err(failed)?;
    if is_playlist(&head) {
        return Err(FileError::Playlist { path: owned() });
    }
    let not_media = |reason: String| FileError::NotMedia {
        path: owned(),
        reason,
    };
    let name = path
        .to_str()
        .filter(|name| !name.contains('\0'))
        .ok_or_else(|| not_media("FFmpeg needs a name in UTF-8".to_owned()))?;
    // Without the protocol's name, 'a:b.mp4' would be one of protocol 'a'.
    let url = CString::new(format!("file:{name}"))
        .map_err(|_| not_media("FFmpeg needs a name without NUL".to_owned()))?;
    let options = Options {
        format: None,
        entries: &[
            ("format_whitelist", CONTAINERS.to_owned()),
            ("protocol_whitelist", "file".to_owned()),
        ],
        flags: 0,
        find_streams: true,
    };
    interrupt.set_deadline(Some(Instant::now() + MAX_OPENING));
    input::open(&url, &options, interrupt).map_err(|error| match error {
        ffmpeg::Error::InvalidData if lacks_index(&mut file).unwrap_or(false) => {
            FileError::Incomplete { path: owned() }
        }
        ffmpeg::Error::Other { errno } if errno == ffmpeg::error::EINVAL => not_media(
            "it is not in a supported format (MP4, MOV, MKV, AVI, TS and others)".to_owned(),
        ),
        _ if interrupt.is_late() => not_media(format!(
            "nothing was found in it within {} s",
            MAX_OPENING.as_secs()
        )),
        other => not_media(other.to_string()),
    })
}

/// HLS, DASH, FFmpeg's lists of files, and those of players.
fn is_playlist(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    ["#EXTM3U", "ffconcat", "[playlist]"]
        .iter()
        .any(|mark| text.starts_with(mark))
        || (text.starts_with('<') && text.contains("<MPD"))
        || text.contains("<SmoothStreamingMedia")
        || text.starts_with("v=0\r\n")
        || text.starts_with("v=0\n")
}

/// Whether the file consists of MP4's boxes (ISO/IEC 14496-12, section 4.2), and none is the index.
fn lacks_index(file: &mut File) -> io::Result<bool> {
    let end = file.seek(SeekFrom::End(0))?;
    let (mut at, mut is_mp4) = (0_u64, false);
    for _ in 0..MAX_BOXES {
        let mut header = [0; 16];
        file.seek(SeekFrom::Start(at))?;
        let read = Read::by_ref(file).take(16).read(&mut header)?;
        if read < 8 {
            break;
        }
        let [s0, s1, s2, s3, k0, k1, k2, k3, large @ ..] = header;
        match &[k0, k1, k2, k3] {
            b"moov" | b"moof" => return Ok(false),
            b"ftyp" | b"mdat" => is_mp4 = true,
            b"free" | b"skip" | b"wide" | b"uuid" | b"pnot" => {}
            _ => break,
        }
        let bytes = match u32::from_be_bytes([s0, s1, s2, s3]) {
            0 => break, // up to the end
            1 => u64::from_be_bytes(large),
            small => u64::from(small),
        };
        at = at.saturating_add(bytes.max(8));
        if at >= end {
            break;
        }
    }
    Ok(is_mp4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_other_files_are_known_by_their_beginning() {
        for list in [
            "#EXTM3U\n#EXTINF:1,\n/etc/passwd\n",
            "\u{feff}#EXTM3U\n",
            "ffconcat version 1.0\nfile 'x.mp4'\n",
            "<?xml version=\"1.0\"?>\n<MPD xmlns=\"x\">",
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
        ] {
            assert!(is_playlist(list.as_bytes()), "{list}");
        }
        assert!(!is_playlist(b"\0\0\0\x20ftypisom"));
        assert!(!is_playlist(b"\x1a\x45\xdf\xa3 matroska"));
    }

    #[test]
    fn boxes_tell_whether_an_index_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.mp4");
        let lacks = |bytes: &[u8]| {
            fs::write(&path, bytes).expect("writable");
            lacks_index(&mut File::open(&path).expect("readable")).expect("readable")
        };
        let ftyp = b"\0\0\0\x10ftypisom\0\0\0\0";
        let mdat = b"\0\0\x10\0mdat12345678";
        let moov = b"\0\0\0\x08moov";
        assert!(lacks(&[&ftyp[..], mdat].concat()));
        assert!(!lacks(&[&ftyp[..], moov, mdat].concat()));
        assert!(lacks(&[&ftyp[..], b"\0\0\0\0mdatxx"].concat()));
        assert!(!lacks(b"RIFF1234AVI "));
        assert!(!lacks(b"xx"));
        // Sizes that lie end the search.
        assert!(lacks(
            &[&ftyp[..], b"\0\0\0\x01free\xff\xff\xff\xff\xff\xff\xff\xff"].concat()
        ));
    }
}
