use super::*;

fn unit(index: u16, is_keyframe: bool, bytes: usize) -> Sent {
    Sent::of(index, is_keyframe, vec![index as u8; bytes].into())
}

/// What waits: a camera's index for a unit, the text of others.
fn waiting(queue: &Queue) -> Vec<String> {
    let inner = queue.inner();
    let each = inner.waiting.iter().map(|it| match &it.message {
        Message::Text(text) => text.to_string(),
        Message::Binary(bytes) => bytes[0].to_string(),
        other => format!("{other:?}"),
    });
    each.collect()
}

fn dropped(index: u16, frames: u64) -> String {
    format!(r#"{{"type":"dropped","index":{index},"frames":{frames}}}"#)
}

#[test]
fn a_slow_viewer_loses_a_camera_up_to_its_keyframe_and_no_other() {
    let now = Instant::now();
    let queue = Queue::default();
    assert_eq!(queue.unit(&unit(1, true, 10), now), 0);
    assert_eq!(queue.unit(&unit(1, false, 10), now), 0);
    let later = now + LONGEST;
    assert_eq!(queue.unit(&unit(2, true, 10), later), 0);
    assert_eq!(
        queue.unit(&unit(1, false, 10), later),
        3,
        "two that waited, and this"
    );
    assert_eq!(queue.unit(&unit(1, false, 10), later), 1);
    assert_eq!(waiting(&queue), ["2"]);
    assert_eq!(queue.unit(&unit(1, true, 10), later), 0);
    assert_eq!(queue.unit(&unit(1, false, 10), later), 0);
    assert_eq!(waiting(&queue), ["2", &dropped(1, 4), "1", "1"]);
}

#[test]
fn a_keyframe_that_finds_the_queue_stale_begins_again() {
    let now = Instant::now();
    let queue = Queue::default();
    queue.unit(&unit(1, true, 10), now);
    assert_eq!(queue.unit(&unit(1, true, 10), now + LONGEST), 1);
    assert_eq!(waiting(&queue), [&dropped(1, 1), "1"]);
}

#[test]
fn bytes_are_bounded_whatever_comes() {
    let now = Instant::now();
    let queue = Queue::default();
    for number in 0..1000 {
        queue.unit(&unit(number % 16, number % 50 == 0, MOST_BYTES / 40), now);
        assert!(queue.inner().bytes <= MOST_BYTES);
    }
    assert!(queue.unit(&unit(3, true, MOST_BYTES + 1), now) >= 1);
    assert!(queue.inner().bytes <= MOST_BYTES);
    queue.image(0, vec![0; MOST_BYTES + 1].into());
    assert!(queue.inner().bytes <= MOST_BYTES);
}

#[test]
fn one_who_joins_gets_the_group_or_begins_with_a_keyframe() {
    let now = Instant::now();
    let queue = Queue::default();
    let group = [Bytes::from_static(&[1]), Bytes::from_static(&[1])];
    queue.join(1, &group, now);
    queue.unit(&unit(1, false, 1), now);
    assert_eq!(waiting(&queue), ["1", "1", "1"]);
    queue.join(2, &[], now);
    queue.unit(&unit(2, false, 1), now);
    assert_eq!(waiting(&queue).len(), 3, "nobody can decode it");
    queue.leave(1);
    queue.unit(&unit(2, true, 1), now);
    assert_eq!(waiting(&queue).last().map(String::as_str), Some("2"));
    assert!(
        !waiting(&queue).contains(&"1".to_owned()),
        "what waited is gone"
    );
}

#[test]
fn a_closed_queue_ends_its_reader_and_takes_nothing() {
    let queue = Queue::default();
    queue.close();
    queue.unit(&unit(1, true, 10), Instant::now());
    queue.text("x".to_owned());
    assert!(waiting(&queue).is_empty());
    assert!(futures::executor::block_on(queue.next()).is_none());
}

#[test]
fn of_images_that_wait_the_latest_of_each_camera_stays() {
    let queue = Queue::default();
    for (index, byte) in [(1, 1), (2, 2), (1, 3)] {
        queue.image(index, vec![byte; 10].into());
    }
    assert_eq!(waiting(&queue), ["3", "2"]);
    assert_eq!(queue.inner().bytes, 2 * cost(10));
}

#[test]
fn a_viewer_who_takes_nothing_is_closed_before_texts_fill_the_memory() {
    let queue = Queue::default();
    let mut texts = 0;
    while !queue.inner().is_closed {
        queue.text("x".to_owned());
        texts += 1;
        assert!(texts <= MOST_WITH_TEXTS, "texts without end");
        assert!(queue.inner().bytes <= MOST_WITH_TEXTS);
    }
    assert!(
        texts > 10_000,
        "{texts}: a page with many cameras has so many"
    );
    assert!(futures::executor::block_on(queue.next()).is_none());
}

#[test]
fn frames_too_small_to_matter_by_their_bytes_are_bounded_in_number() {
    let now = Instant::now();
    let queue = Queue::default();
    queue.unit(&unit(1, true, 1), now);
    let most = MOST_BYTES / size_of::<Waiting>();
    let dropped: u64 = (0..=most)
        .map(|_| queue.unit(&unit(1, false, 1), now))
        .sum();
    assert!(dropped > 0 && waiting(&queue).len() <= most);
}

#[test]
fn there_is_room_for_as_much_as_a_group_then_takes() {
    let now = Instant::now();
    let queue = Queue::default();
    let group = [vec![0; MOST_BYTES / 2].into(), Bytes::from_static(&[1])];
    let bytes = group.iter().map(Bytes::len).sum();
    assert!(queue.has_room(group.len(), bytes));
    queue.join(1, &group, now);
    assert_eq!(waiting(&queue).len(), 2);
    assert!(!queue.has_room(group.len(), bytes));
    queue.join(2, &group, now);
    assert_eq!(waiting(&queue).len(), 2, "it begins with its next keyframe");
    queue.close();
    assert!(!queue.has_room(0, 0));
}
