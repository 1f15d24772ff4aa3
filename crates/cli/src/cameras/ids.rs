//! Ids of cameras, made of their names.

/// Characters of an id.
const MOST: usize = 64;

/// An id for a camera of this name that none of `taken` is. Names are those of models as often as
/// not, so that several cameras have the same.
pub fn id_of(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut id = String::new();
    for character in name.chars() {
        match character {
            'a'..='z' | '0'..='9' => id.push(character),
            'A'..='Z' => id.push(character.to_ascii_lowercase()),
            _ if !id.is_empty() && !id.ends_with('-') => id.push('-'),
            _ => {}
        }
        if id.len() == MOST {
            break;
        }
    }
    let base = match id.trim_end_matches('-') {
        "" => "camera",
        base => base,
    };
    if !taken(base) {
        return base.to_owned();
    }
    let mut number = 2_u64;
    loop {
        let suffix = format!("-{number}");
        let id = base[..base.len().min(MOST - suffix.len())].to_owned() + &suffix;
        if !taken(&id) {
            return id;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_valid_and_unique() {
        let mut all: Vec<String> = Vec::new();
        for (name, expected) in [
            ("AXIS P3245-V", "axis-p3245-v"),
            ("AXIS P3245-V", "axis-p3245-v-2"),
            ("axis_p3245  v!", "axis-p3245-v-3"),
            ("Einfahrt (Süd)", "einfahrt-s-d"),
            ("摄像机", "camera"),
            ("", "camera-2"),
            ("--7", "7"),
        ] {
            let id = id_of(name, |id| all.iter().any(|it| it == id));
            assert_eq!(id, expected, "{name}");
            all.push(id);
        }
        let long = "x".repeat(200);
        let first = id_of(&long, |_| false);
        let second = id_of(&long, |id| id == first);
        assert_eq!((first.len(), second.len()), (64, 64));
        assert!(second.ends_with("x-2"), "{second}");
    }
}
