"""Last layers of networks with random weights: scaled until what they give is worth a look."""

import torch

from common import CONFIDENCE, PLACES


def outputs_of(run, layers):
    """What each of the layers gives in one run."""
    found = {}
    hooks = [layer.register_forward_hook(lambda layer, _, output: found.__setitem__(layer, output.detach()))
             for layer in layers]
    with torch.no_grad():
        run()
    for hook in hooks:
        hook.remove()
    return [found[layer] for layer in layers]


def axis_of(layer):
    """That of a layer's channels."""
    return 1 if isinstance(layer, torch.nn.Conv2d) else -1


def frequencies(classes):
    """Means of the logits of classes: a few are frequent, so that neighbours are often of one class."""
    return torch.randn(classes) * 1.5


def scale(run, layers, deviation, mean):
    """Makes what each channel of the layers gives vary by `deviation` around `mean`."""
    for layer, output in zip(layers, outputs_of(run, layers), strict=True):
        values = output.transpose(0, axis_of(layer)).flatten(1)
        gain = deviation / values.std(1).clamp_min(1e-6)
        with torch.no_grad():
            shift = mean - gain * (values.mean(1) - layer.bias)
            layer.weight.mul_(gain.view(-1, *[1] * (layer.weight.dim() - 1)))
            layer.bias.copy_(shift)


def level(run, layer):
    """Makes a linear layer blind for what all queries of a frame have in common: else they score alike."""
    means = inputs_of(run, layer)[0].detach().mean(-2)
    apart = (means - means.mean(-2, keepdim=True)).flatten(0, -2)
    basis = torch.linalg.qr(apart.T).Q
    with torch.no_grad():
        layer.weight.sub_(layer.weight @ basis @ basis.T)


def shift_scores(run, layers, frames, pairs=False):
    """Shifts the logits of all layers alike, so that PLACES places of a frame pass the threshold.

    With `pairs`, so many pairs of a place and a class do.
    """
    outputs = outputs_of(run, layers)
    best = torch.cat([(output if pairs else output.amax(axis_of(layer))).flatten()
                      for layer, output in zip(layers, outputs, strict=True)])
    best = best.sort(descending=True).values
    passing = min(PLACES * frames, len(best) // 4)
    with torch.no_grad():
        shift = torch.logit(torch.tensor(CONFIDENCE)) - best[passing]
        for layer in layers:
            layer.bias.add_(shift)


def inputs_of(run, layer):
    """What a layer is given in one run."""
    found = []
    hook = layer.register_forward_pre_hook(lambda _, given: found.append(given))
    with torch.no_grad():
        run()
    hook.remove()
    return found[0]


def calibrate(model, run):
    """Normalisations by the statistics of the frames.

    What they give is moved to where activations are almost linear: else layer after layer makes more of rounding.
    """
    kinds = (torch.nn.BatchNorm2d, torch.nn.BatchNorm1d)
    layers = [layer for layer in model.modules() if isinstance(layer, kinds)]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
        torch.nn.init.constant_(layer.bias, 2.0)
    for layer in layers:
        layer.train()
    with torch.no_grad():
        run()
    for layer in layers:
        layer.momentum = 0.03
    model.eval()
