//! The first runs of a model that looks at one object, on pictures made for it.

/// Values of one picture in several runs differ by less, in parts of the largest.
const SAME: f32 = 0.02;

/// What the first runs of a model have shown.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierTrial {
    /// The output's shape without the batch.
    pub shape: Vec<usize>,
    /// The output's values of each picture.
    pub pictures: Vec<Vec<f32>>,
    /// Why a model of any batch has to run one picture at a time.
    pub unbatched: Option<String>,
}

impl ClassifierTrial {
    /// Runs a model on each of the `pictures` alone, and, where its batch is not `fixed`, on a batch
    /// of `max_batch`, which must give what its pictures give alone. `run` takes a batch and its
    /// input, and gives the whole output with its shape.
    ///
    /// # Errors
    /// A run failed, or gave an output of another batch than its input.
    pub fn of(
        pictures: &[Vec<f32>],
        fixed: Option<usize>,
        max_batch: usize,
        mut run: impl FnMut(usize, &[f32]) -> Result<(Vec<usize>, Vec<f32>), String>,
    ) -> Result<Self, String> {
        let mut run = |batch: usize, input: &[f32]| {
            let (shape, values) = run(batch, input)?;
            split(batch, &shape, &values)
        };
        let batch = fixed.unwrap_or(1);
        let (mut shape, mut alone) = (Vec::new(), Vec::new());
        for picture in pictures {
            let (found, values) = run(batch, &picture.repeat(batch))?;
            shape = found;
            alone.extend(values.into_iter().next());
        }
        let unbatched = (fixed.is_none() && max_batch > 1).then(|| {
            let all = pictures.iter().cycle().take(max_batch);
            let input: Vec<f32> = all.flatten().copied().collect();
            let (_, found) = run(max_batch, &input)?;
            are_same(&found, &alone)
        });
        Ok(Self {
            shape,
            pictures: alone,
            unbatched: unbatched.and_then(Result::err),
        })
    }
}

/// The output's shape without the batch, and each picture's values.
fn split(
    batch: usize,
    shape: &[usize],
    values: &[f32],
) -> Result<(Vec<usize>, Vec<Vec<f32>>), String> {
    match shape.split_first() {
        Some((&first, rest)) if first == batch && !values.is_empty() => {
            let each = values.chunks_exact(values.len() / batch);
            Ok((rest.to_vec(), each.map(<[f32]>::to_vec).collect()))
        }
        _ => Err(format!(
            "an output of {shape:?} for {batch} pictures, expected [{batch}, values]"
        )),
    }
}

/// Whether a batch gives what its pictures give alone.
fn are_same(batch: &[Vec<f32>], alone: &[Vec<f32>]) -> Result<(), String> {
    for (found, alone) in batch.iter().zip(alone.iter().cycle()) {
        let largest = alone.iter().fold(0.0_f32, |most, it| most.max(it.abs()));
        let is_near = |(a, b): (&f32, &f32)| (a - b).abs() <= SAME * largest;
        if found.len() != alone.len() || !found.iter().zip(alone).all(is_near) {
            return Err("a picture gives other values in a batch than alone".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two pictures of two values, and a network that gives them back.
    fn pictures() -> Vec<Vec<f32>> {
        vec![vec![0.2, 0.8], vec![0.6, 0.4]]
    }

    #[test]
    fn a_batch_that_gives_what_its_pictures_give_alone_is_run() {
        let mut batches = Vec::new();
        let trial = ClassifierTrial::of(&pictures(), None, 3, |batch, input| {
            batches.push(batch);
            Ok((vec![batch, 2, 1], input.to_vec()))
        });
        let trial = trial.expect("a good network");
        assert_eq!(trial.shape, [2, 1]);
        assert_eq!((trial.pictures, trial.unbatched), (pictures(), None));
        assert_eq!(batches, [1, 1, 3]);
    }

    #[test]
    fn a_fixed_batch_is_run_whole_and_nothing_else() {
        let trial = ClassifierTrial::of(&pictures(), Some(4), 8, |batch, input| {
            assert_eq!((batch, input.len()), (4, 8));
            Ok((vec![4, 2], input.to_vec()))
        });
        assert_eq!(trial.expect("a good network").pictures, pictures());
    }

    #[test]
    fn a_batch_that_gives_something_else_is_not_run() {
        // The second picture has the first one's values, or the batch is folded into one row, or it
        // cannot run at all.
        let mixed = |batch: usize, input: &[f32]| Ok((vec![batch, 2], input[..2].repeat(batch)));
        let folded = |batch: usize, input: &[f32]| Ok((vec![1, 2 * batch], input.to_vec()));
        let failed = |batch: usize, input: &[f32]| match batch {
            1 => Ok((vec![1, 2], input.to_vec())),
            _ => Err("Reshape: 2 is not 6".to_owned()),
        };
        type Run = dyn Fn(usize, &[f32]) -> Result<(Vec<usize>, Vec<f32>), String>;
        let all: [(&Run, &str); 3] = [
            (&mixed, "other values in a batch"),
            (&folded, "[1, 6] for 3 pictures, expected [3, values]"),
            (&failed, "2 is not 6"),
        ];
        for (run, expected) in all {
            let trial = ClassifierTrial::of(&pictures(), None, 3, run).expect("good alone");
            let why = trial.unbatched.expect("one at a time");
            assert!(why.contains(expected), "{why}");
            // Nobody asks for a batch.
            let trial = ClassifierTrial::of(&pictures(), None, 1, run).expect("good alone");
            assert_eq!(trial.unbatched, None);
        }
    }

    #[test]
    fn an_output_of_another_batch_is_refused() {
        let error = ClassifierTrial::of(&pictures(), Some(4), 4, |_, input| {
            Ok((vec![1, 8], input.to_vec()))
        });
        let error = error.expect_err("another batch");
        assert!(error.contains("[1, 8] for 4 pictures"), "{error}");
        assert!(ClassifierTrial::of(&pictures(), None, 4, |_, _| Ok((vec![1], vec![]))).is_err());
    }
}
