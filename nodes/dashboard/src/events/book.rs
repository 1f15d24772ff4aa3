use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use camweave_message::Event;

use super::counts::Count;
use super::query::Query;
use super::record::{Record, Recorded};
use super::spot::Spot;

/// Numbers of events that come begin here, and of those that were before go down from here.
const FIRST: u64 = 1 << 40;
/// Events that are kept, of all cameras and of one: the newest.
const MOST: usize = 4096;
const MOST_OF_CAMERA: usize = 1024;
/// Bytes of all images; those of the oldest events go first.
const MOST_IMAGE_BYTES: usize = 32 << 20;
/// Pairs of camera and rule of which counts are kept.
const MOST_COUNTS: usize = 1024;
const OCCUPANCY: &str = "occupancy";

/// The events that are kept, in the order in which they came.
pub(super) struct Book {
    next: u64,
    /// Of the oldest one that was before.
    first: u64,
    records: BTreeMap<u64, Record>,
    numbers: HashMap<Arc<str>, u64>,
    of_camera: HashMap<Arc<str>, VecDeque<u64>>,
    counts: BTreeMap<(Arc<str>, Arc<str>), Count>,
    image_bytes: usize,
    /// What pages have not been told.
    changed: BTreeSet<u64>,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            next: FIRST,
            first: FIRST,
            records: BTreeMap::new(),
            numbers: HashMap::new(),
            of_camera: HashMap::new(),
            counts: BTreeMap::new(),
            image_bytes: 0,
            changed: BTreeSet::new(),
        }
    }
}

impl Book {
    /// Takes a row; whether it is the first one of its event.
    pub fn take(&mut self, row: &Event) -> bool {
        let known = self.numbers.get(&row.event).copied();
        let number = known.unwrap_or(self.next);
        let mut record = Record::of(number, row);
        if let Some(old) = known.and_then(|it| self.records.get_mut(&it)) {
            // Messages may come twice, and late. What a clip says is less than any of them.
            if old.is_over() && !old.is_recorded {
                return false;
            }
            record.image = old.image.take();
            record.clip = old.clip.take();
            self.count(&record);
            self.records.insert(number, record);
            self.changed.insert(number);
            return false;
        }
        self.next += 1;
        self.count(&record);
        self.push(record);
        true
    }

    /// Takes an event that came, as far as this process knows, before all others; whether there was
    /// room for it, and it was not known.
    pub fn take_older(&mut self, event: Recorded) -> bool {
        let of_camera = self.of_camera.get(&event.camera).map_or(0, VecDeque::len);
        let has_room = self.records.len() < MOST && of_camera < MOST_OF_CAMERA;
        if !has_room || self.numbers.contains_key(event.note.event.as_str()) {
            return false;
        }
        let number = self.first - 1;
        let Some(record) = Record::recorded(number, event) else {
            return false;
        };
        self.first = number;
        self.numbers.insert(Arc::clone(&record.event), number);
        let camera = Arc::clone(&record.camera);
        self.of_camera.entry(camera).or_default().push_front(number);
        self.records.insert(number, record);
        true
    }

    /// Takes an event that became known by its clip alone.
    pub fn take_recorded(&mut self, event: Recorded) {
        if self.numbers.contains_key(event.note.event.as_str()) {
            return;
        }
        if let Some(record) = Record::recorded(self.next, event) {
            self.next += 1;
            self.push(record);
        }
    }

    /// Which clip shows an event.
    pub fn set_clip(&mut self, event: &str, clip: Option<Spot>) {
        let number = self.numbers.get(event);
        let record = number.and_then(|it| self.records.get_mut(it));
        if let Some(record) = record.filter(|it| it.clip != clip) {
            record.clip = clip;
            self.changed.insert(record.number);
        }
    }

    /// Adds the newest.
    fn push(&mut self, record: Record) {
        let number = record.number;
        self.numbers.insert(Arc::clone(&record.event), number);
        let of_camera = self
            .of_camera
            .entry(Arc::clone(&record.camera))
            .or_default();
        of_camera.push_back(number);
        let most = (of_camera.len() > MOST_OF_CAMERA).then(|| of_camera.front().copied());
        self.records.insert(number, record);
        self.changed.insert(number);
        if let Some(oldest) = most.flatten() {
            self.remove(oldest);
        }
        if self.records.len() > MOST
            && let Some(oldest) = self.records.keys().next().copied()
        {
            self.remove(oldest);
        }
    }

    fn count(&mut self, record: &Record) {
        let key = (Arc::clone(&record.camera), Arc::clone(&record.rule));
        if let Some(count) = self.counts.get_mut(&key) {
            count.take(record);
        } else if self.counts.len() < MOST_COUNTS {
            self.counts.insert(key, Count::of(record));
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(record) = self.records.remove(&number) else {
            return;
        };
        self.changed.remove(&number);
        self.numbers.remove(&record.event);
        self.image_bytes -= record.image.map_or(0, |it| it.len());
        if let Some(numbers) = self.of_camera.get_mut(&record.camera) {
            numbers.retain(|it| *it != number);
            if numbers.is_empty() {
                self.of_camera.remove(&record.camera);
            }
        }
    }

    pub fn set_image(&mut self, event: &str, jpeg: Bytes) {
        let number = self.numbers.get(event).copied();
        let Some(record) = number.and_then(|it| self.records.get_mut(&it)) else {
            return;
        };
        self.image_bytes += jpeg.len();
        self.changed.insert(record.number);
        let old = record.image.replace(jpeg);
        self.image_bytes -= old.map_or(0, |it| it.len());
        let mut records = self.records.values_mut();
        while self.image_bytes > MOST_IMAGE_BYTES {
            let Some(oldest) = records.find(|it| it.image.is_some()) else {
                return;
            };
            self.image_bytes -= oldest.image.take().map_or(0, |it| it.len());
        }
    }

    pub fn image(&self, event: &str) -> Option<Bytes> {
        self.records.get(self.numbers.get(event)?)?.image.clone()
    }

    /// The newest that fit, and where to go on.
    pub fn find(&self, query: &Query) -> (Vec<&Record>, Option<u64>) {
        let limit = query.limit();
        let before = query.before.unwrap_or(u64::MAX);
        let fitting = self.records.range(..before).rev().map(|(_, it)| it);
        let mut found: Vec<_> = fitting
            .filter(|it| query.fits(it))
            .take(limit + 1)
            .collect();
        let has_more = found.len() > limit;
        found.truncate(limit);
        let more = found.last().filter(|_| has_more).map(|it| it.number);
        (found, more)
    }

    pub fn counts(&self) -> Vec<Count> {
        let mut lasting: HashMap<(&str, &str), u64> = HashMap::new();
        for record in self.records.values().filter(|it| !it.is_over()) {
            let lasting = lasting.entry((&record.camera, &record.rule)).or_default();
            *lasting += match record.kind {
                OCCUPANCY => record.value as u64,
                _ => 1,
            };
        }
        let now = |count: &Count| lasting.get(&(&*count.camera, &*count.rule)).copied();
        let counts = self.counts.values().map(|count| Count {
            now: now(count).unwrap_or(0),
            ..count.clone()
        });
        counts.collect()
    }

    /// Up to so many that have changed since they were taken last.
    pub fn take_changed(&mut self, most: usize) -> Vec<u64> {
        let taken: Vec<u64> = self.changed.iter().copied().take(most).collect();
        for number in &taken {
            self.changed.remove(number);
        }
        taken
    }

    pub fn get(&self, number: u64) -> Option<&Record> {
        self.records.get(&number)
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
