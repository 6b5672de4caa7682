"""What a camera and a detector do to plates, for whole batches on a graphics card: what `capture.py` and
`scenes.light` do one picture at a time. Pictures are float tensors [N, 1, H, W] of 0..255; whole numbers are
pixel centres, as in OpenCV; quads are [N, 4, 2] in the order TL, TR, BR, BL.
"""
import functools

import numpy as np
import torch
import torch.nn.functional as F

from capture import BENT, FIELD, H, INKED, LINES, W

FLAT_W, FLAT_H = 256, 96  # every flat plate is kept in this size, whatever its shape; its aspect is kept beside it
UNIT = ((0., 0.), (1., 0.), (1., 1.), (0., 1.))


def uniform(n, low, high, device):
    return torch.rand(n, device=device) * (high - low) + low


def chance(n, p, device):
    return torch.rand(n, device=device) < p


@functools.cache
def constant(values, device):
    """Numbers that do not change, on the device once: bringing them there each time makes the card wait."""
    return torch.tensor(values, device=device, dtype=torch.float32)


def one_of(n, values, device):
    return constant(tuple(values), device)[torch.randint(len(values), (n,), device=device)]


def column(x):
    return x.reshape(-1, 1, 1, 1)


def of_square(quad):
    """The projective map [N, 3, 3] of the unit square onto quads (Heckbert 1989)."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = (quad[:, k].unbind(1) for k in range(4))
    dx1, dy1, dx2, dy2 = x1 - x2, y1 - y2, x3 - x2, y3 - y2
    sx, sy = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    det = dx1 * dy2 - dx2 * dy1
    det = torch.where(det.abs() < 1e-6, torch.full_like(det, 1e-6), det)
    g, h = (sx * dy2 - dx2 * sy) / det, (dx1 * sy - sx * dy1) / det
    rows = [x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h, torch.ones_like(g)]
    return torch.stack(rows, 1).reshape(-1, 3, 3)


def inverse(m):
    """The inverse of maps [N, 3, 3], by cofactors: a library's factorisation makes the card wait."""
    a, b, c = m.unbind(1)
    rows = torch.stack([torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)], 2)
    det = (a * rows[:, :, 0]).sum(1)
    return rows / torch.where(det.abs() < 1e-9, torch.full_like(det, 1e-9), det)[:, None, None]


def moved(m, points):
    """Points [N, K, 2] or [K, 2] under the maps m [N, 3, 3]: [N, K, 2]."""
    if points.dim() == 2:
        points = points.expand(len(m), -1, -1)
    out = points @ m[:, :, :2].transpose(1, 2) + m[:, None, :, 2]
    z = out[..., 2:]
    return out[..., :2] / torch.where(z.abs() < 1e-4, torch.full_like(z, 1e-4), z)


def at(picture, points, shape):
    """Values of pictures [N, 1, h, w] at points [N, K, 2] in their pixels, as [N, 1, *shape]; edges repeat."""
    h, w = picture.shape[-2:]
    scale = constant((2 / (w - 1), 2 / (h - 1)), picture.device)
    grid = (points * scale - 1).reshape(len(picture), *shape, 2)
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=True)


@functools.cache
def pixels(w, h, device, step=1.):
    """The pixel coordinates of a w by h picture, [h * w, 2]."""
    ys, xs = torch.meshgrid(torch.arange(h, device=device), torch.arange(w, device=device), indexing="ij")
    return torch.stack([xs, ys], -1).reshape(-1, 2).float() * step


def cut(picture, quad):
    """`capture.rectify` for plates that need no shrinking first: [N, 1, 48, 144] of 0..255."""
    points = pixels(W, H, picture.device) / constant((W, H), picture.device)
    return at(picture, moved(of_square(quad), points), (H, W))


def normalised(crops):
    """`capture.normalise` of [N, 1, 48, 144] of 0..255, brought to whole grey levels first."""
    x = crops.clamp(0, 255).round() / 255
    mean = x.mean((1, 2, 3), keepdim=True)
    std = (x - mean).square().mean((1, 2, 3), keepdim=True).sqrt()
    return (x - mean) / std.clamp(min=8 / 255)


def grow(quad, margin):
    """`chain.grow` of quads [N, 4, 2]; the margin a number or [N]."""
    tl, tr, br, bl = quad.unbind(1)
    m = margin.reshape(-1, 1) if torch.is_tensor(margin) else margin
    return torch.stack([tl + (tl - tr) * m + (tl - bl) * m, tr + (tr - tl) * m + (tr - br) * m,
                        br + (br - bl) * m + (br - tr) * m, bl + (bl - br) * m + (bl - tl) * m], 1)


def blur(x, across, down, reach=7):
    """Gaussian blur, each picture with its own deviations [N] in pixels, cut off at `reach`; 0 leaves it as it is. As a
    sum of moved pictures: a convolution with a kernel of its own for each picture takes a card ten times as long."""
    t = torch.arange(-reach, reach + 1, device=x.device).float()
    for sigma, dim, pad in ((across, 3, (reach, reach, 0, 0)), (down, 2, (0, 0, reach, reach))):
        k = torch.exp(-t.square() / (2 * sigma.clamp(min=.05)[:, None].square()))
        k = k / k.sum(1, keepdim=True)
        wide, long = F.pad(x, pad, mode="replicate"), x.shape[dim]
        x = wide.narrow(dim, 0, long) * column(k[:, 0])
        for i in range(1, 2 * reach + 1):
            x.addcmul_(wide.narrow(dim, i, long), column(k[:, i]))
    return x


def on_some(x, share, change):
    """`change` applied to a share of the pictures, chosen by chance; it is told which. A fixed number of them: the card
    need not wait to be told how many."""
    which = torch.randperm(len(x), device=x.device)[:round(share * len(x))]
    if len(which):
        x[which] = change(x[which], which)
    return x


LUMINANCE = (16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56,
                      68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99)  # ITU-T T.81, K.1


def jpeg(x, quality):
    """What JPEG of a quality [N] leaves of the pictures; sides are multiples of 8."""
    n, _, h, w = x.shape
    k = torch.arange(8, device=x.device).float()
    basis = torch.cos((2 * k[None] + 1) * k[:, None] * np.pi / 16) * .5
    basis[0] *= .5 ** .5
    both = torch.kron(basis, basis)  # of a block's 64 values at once, down and across
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    table = constant(LUMINANCE, x.device)
    table = ((table * scale[:, None] + 50) / 100).floor().clamp(1, 255).reshape(n, 1, 1, 64)
    blocks = (x - 128).reshape(n, h // 8, 8, w // 8, 8).transpose(2, 3).reshape(n, h // 8, w // 8, 64)
    back = ((blocks @ both.T / table).round() * table) @ both
    out = back.reshape(n, h // 8, w // 8, 8, 8).transpose(2, 3).reshape(n, 1, h, w) + 128
    return out.clamp(0, 255).round()


# ---------------------------------------------------------------- a plate's cut, as `capture.take`

# (widths of the plate in pixels, the picture around it, samples a pixel, which half of the flat picture is shrunk to)
SIZES = (((32, 60), (112, 80), 2, 1), ((60, 120), (208, 128), 2, 0), ((120, 220), (336, 208), 1, 0))


def stands(n, aspect, width, size, device):
    """Quads of plates in the middle of a picture: turned, sheared, a little in perspective."""
    w, h = size
    height = (width / aspect * uniform(n, .85, 1.15, device)).clamp(max=.62 * h) / 2
    half = width / 2
    quad = constant(((-1., -1), (1, -1), (1, 1), (-1, 1)), device) * torch.stack([half, height], 1)[:, None]
    quad = torch.cat([quad[..., :1] * uniform(n, .8, 1, device).reshape(-1, 1, 1), quad[..., 1:]], 2)
    a = torch.randn(n, device=device) * torch.where(chance(n, .4, device), 5., 1.5) * (np.pi / 180)
    a = a.clamp(-.26, .26)
    turn = torch.stack([a.cos(), a.sin(), -a.sin(), a.cos()], 1).reshape(-1, 2, 2)
    quad = quad @ turn
    shear = (torch.randn(n, device=device) * .06).clamp(-.22, .22).reshape(-1, 1)
    quad = torch.stack([quad[..., 0], quad[..., 1] + quad[..., 0] * shear], 2)
    quad = quad + torch.randn(n, 4, 2, device=device) * (height * .05).clamp(max=1.5).reshape(-1, 1, 1)
    return quad + constant((w / 2, h / 2), device) + torch.rand(n, 1, 2, device=device) * 8 - 4


def cut_corners(n, errors, device):
    """Where a cut's corners lie in the plate's own square [N, 4, 2]: six of ten as the detector errs, the others by
    chance, with the product's margin or another."""
    unit = constant(UNIT, device)
    side = unit * 2 - 1
    as_detected = errors[torch.randint(len(errors), (n,), device=device)] * uniform(n, .6, 1.3, device).reshape(-1, 1, 1)
    noise = torch.randn(n, 4, 2, device=device) * one_of(n, [.008, .02, .02, .035], device).reshape(-1, 1, 1) * constant((1., 2.2), device)
    detected = chance(n, .6, device).reshape(-1, 1, 1)
    wide = chance(n, .12, device)
    mx = torch.where(wide, uniform(n, 0, .25, device), uniform(n, 0, .09, device))
    my = torch.where(wide, uniform(n, 0, .25, device), mx)
    margin = torch.stack([mx, my], 1)[:, None]
    return unit + torch.where(detected, as_detected + side * .05, noise + side * margin)


def surroundings(uv, behind, other, ground, n, device):
    """What stands around a plate at points (u, v) of its square: picture, recess, frame with lettering; and how much
    of the plate the frame leaves."""
    u, v = uv[..., 0], uv[..., 1]
    outside = torch.maximum((u - .5).abs() - .5, (v - .5).abs() - .5)

    def box(low, high):
        sides = [uniform(n, low, high, device)[:, None] for _ in range(4)]
        return (u > -sides[0]) & (u < 1 + sides[1]) & (v > -sides[2] * 2) & (v < 1 + sides[3] * 2), sides

    def pick(p):
        return chance(n, p, device)[:, None]
    out = behind * uniform(n, .5, 1.3, device)[:, None] + uniform(n, -30, 40, device)[:, None]
    tone = torch.where(pick(.3), ground + torch.randn(n, 1, device=device) * 15, uniform(n, 0, 255, device)[:, None])
    inner, _ = box(.03, .5)
    out = torch.where(inner & pick(.6), tone * (1 - .4 * torch.rand(n, 1, device=device) * v.clamp(0, 1)), out)
    frame, sides = box(.01, .1)
    tone = torch.where(pick(.5), uniform(n, 0, 70, device)[:, None], uniform(n, 0, 255, device)[:, None])
    ink = torch.where(tone < 128, tone + uniform(n, 50, 200, device)[:, None], tone - uniform(n, 50, 200, device)[:, None])
    lettered = (v > 1 + sides[3] * .3) & (v < 1 + sides[3] * 1.7) & (u > .1) & (u < .9) & pick(.6)
    face = torch.where(lettered, tone + (ink - tone) * (other / 255), tone)
    has = pick(.35)
    out = torch.where(frame & has, face, out)
    covers = torch.where(has & pick(.4), (uniform(n, 0, 1, device) * one_of(n, [.035, .035, .1], device))[:, None], torch.zeros(n, 1, device=device))
    return out, face, has & (outside > -covers)


def shots(flats, aspect, width, size, step, errors, backs):
    """(pictures [N, 1, h, w] of plates so many pixels wide, quads of the cuts, in pixels): sharp and in full light."""
    n, device, (w, h) = len(flats), flats.device, size
    quad = stands(n, aspect, width, size, device)
    m = of_square(quad)
    inner = pixels(w * step, h * step, device, 1 / step) - (step - 1) / (2 * step)
    uv = moved(inverse(m), inner)
    fh, fw = flats.shape[-2:]
    points = uv.clamp(-.5, 1.5) * constant((fw - 1., fh - 1.), device)
    plate = at(flats, points, (inner.shape[0], 1)).reshape(n, -1)
    start = torch.randint(0, 8, (n, 1, 2), device=device).float()
    behind = at(backs, inner + start, (inner.shape[0], 1)).reshape(n, -1)
    other = torch.roll(flats, 1, 0)
    strip = torch.stack([uv[..., 0].clamp(0, 1) * (fw - 1), ((uv[..., 1] * 6) % 1) * (fh - 1)], -1)
    letters = at(other, strip, (inner.shape[0], 1)).reshape(n, -1)
    ground = flats.flatten(1)[:, ::17].quantile(.7, dim=1, keepdim=True)
    around, face, covered = surroundings(uv, behind, letters, ground, n, device)
    inside = (uv[..., 0] > 0) & (uv[..., 0] < 1) & (uv[..., 1] > 0) & (uv[..., 1] < 1)
    picture = torch.where(inside, torch.where(covered, face, plate), around).clamp(0, 255).reshape(n, 1, h * step, w * step)
    if step > 1:
        picture = F.avg_pool2d(picture, step)
    return picture, moved(m, cut_corners(n, errors, device))


def degraded(x, width, far):
    """`capture.degrade` without the change of size."""
    n, device = len(x), x.device
    faint = chance(n, .15, device)
    x = x * column(torch.where(faint, uniform(n, .08, .3, device), uniform(n, .35, 1.1, device))) + column(torch.where(faint, uniform(n, 5, 110, device), uniform(n, -25, 60, device)))
    for dim, p in ((3, .35), (2, .15)):
        t = torch.linspace(0, 1, x.shape[dim], device=device).reshape([1, 1, -1, 1] if dim == 2 else [1, 1, 1, -1])
        a, b = (column(torch.where(chance(n, p, device), uniform(n, .5, 1, device), torch.ones(n, device=device))) for _ in range(2))
        x = x * (a + (b - a) * t)
    shadow = torch.arange(x.shape[3], device=device).reshape(1, 1, 1, -1) < column(uniform(n, 0, x.shape[3], device))
    x = torch.where(shadow & column(chance(n, .12, device)), x * column(uniform(n, .5, .9, device)), x)
    sigma = torch.where(chance(n, .6, device), uniform(n, .3, 1.3 if far else 1.5, device) * (width / 130).clamp(min=.55), torch.zeros(n, device=device))
    smear = torch.where(chance(n, .2, device), uniform(n, .5, .9 if far else 1.5, device), torch.zeros(n, device=device))
    level = chance(n, .6, device)
    across, down = ((sigma.square() + torch.where(way, smear, 0 * smear).square()).sqrt() for way in (level, ~level))
    x = blur(x, across, down, 5 if far else 7)
    noise = one_of(n, [1, 2, 3, 5] if far else [1, 2, 4, 8, 12], device)
    noise = torch.where(faint, one_of(n, [1, 1, 2, 3], device), noise)
    ones = torch.ones(n, device=device)
    grain = on_some(torch.randn_like(x), .3, lambda g, k: 2.2 * blur(g, .8 * ones[k], .8 * ones[k], 3))  # noise that a camera smoothed
    x = x + grain * column(noise)
    x = on_some(x, .2, lambda y, k: y + .7 * (y - blur(y, 1.2 * ones[k], 1.2 * ones[k], 4)))
    x = x.clamp(0, 255).round()
    return on_some(x, .5, lambda y, k: jpeg(y, uniform(len(k), 25, 90, device)))


def bent(x):
    """`capture.bent` of flat plates [N, 1, h, w]."""
    n, _, h, w = x.shape
    device = x.device
    field = 0
    for down, across, far_x, far_y in FIELD:
        knots = torch.randn(n, 2, down, across, device=device) * constant((far_x * w, far_y * h), device).reshape(1, 2, 1, 1)
        field = field + F.interpolate(knots, (h, w), mode="bicubic", align_corners=True)
    field = field * column(uniform(n, 0, 1, device))
    points = pixels(w, h, device)[None] + field.permute(0, 2, 3, 1).reshape(n, h * w, 2)
    return at(x, points, (h, w))


def inked(x):
    """`capture.inked` of flat plates [N, 1, h, w] that are 256 wide."""
    dark = chance(len(x), .5, x.device)
    sign = column(torch.where(dark, -1., 1.))
    spread = F.max_pool2d(F.pad(x * sign, (1, 1, 1, 1), mode="replicate"), 3, 1) * sign
    return x + column(uniform(len(x), 0, 1, x.device)) * (spread - x)


def take(flats, aspect, part, errors, backs, chunk=0):
    """Training cuts [N, 1, 48, 144] of 0..255 of flat plates uint8 [N, 1, 96, 256]; part [N]: 0 the whole plate, 1 and 2 a
    line of it. The samples are dealt out evenly to the three SIZES."""
    n, device = len(flats), flats.device
    out = torch.empty(n, 1, H, W, device=device)
    shares = (.36, .34, .30)
    ends = [0, round(n * shares[0]), round(n * (shares[0] + shares[1])), n]
    deal = torch.randperm(n, device=device)
    unit = constant(UNIT, device)
    for k, ((low, high), size, step, half) in enumerate(SIZES):
        which = deal[ends[k]:ends[k + 1]]
        if not len(which):
            continue
        some = on_some(flats[which].float(), BENT, lambda x, _: bent(x))
        some = on_some(some, INKED, lambda x, _: inked(x))
        for _ in range(half):
            some = F.avg_pool2d(some, 2)
        m = len(which)
        width = uniform(m, low ** .5, high ** .5, device).square()
        picture, quad = shots(some, aspect[which], width, size, step, errors, backs[torch.randint(len(backs), (m,), device=device)].float())
        picture = degraded(picture, width, far=k == 0)
        lines = constant(((0., 1.), *LINES), device)[part[which]]
        corners = torch.stack([unit[:, 0].expand(m, 4), torch.where(unit[:, 1].expand(m, 4) == 0, lines[:, :1], lines[:, 1:])], 2)
        out[which] = cut(picture, moved(of_square(quad), corners))
    return out.clamp(0, 255).round()


def jittered(cuts):
    """Ready cuts uint8 [N, 1, 48, 144], each a little different every time."""
    n, device = len(cuts), cuts.device
    x = cuts.float()
    unit = constant(UNIT, device) * constant((W, H), device)
    centre = constant((W / 2, H / 2), device)
    scale = (1 + uniform(n, -.04, .04, device)).reshape(-1, 1, 1)
    quad = (unit - centre) * scale + centre + torch.stack([uniform(n, -4, 4, device), uniform(n, -2, 2, device)], 1)[:, None]
    quad = quad + torch.randn(n, 4, 2, device=device) * .5
    quad = torch.where(chance(n, .7, device).reshape(-1, 1, 1), quad, unit.expand(n, 4, 2))
    x = cut(x, quad)
    noise = one_of(n, [0, 0, .03, .06, .12], device)
    x = x + torch.randn_like(x) * column(noise) * x.std((1, 2, 3), keepdim=True)
    dim = torch.where(chance(n, .15, device), uniform(n, .15, .5, device), torch.ones(n, device=device))
    x = (x - 128) * column(dim) + 128
    soft = torch.where(chance(n, .25, device), uniform(n, .3, 1.1, device), torch.zeros(n, device=device))
    return blur(x, soft, soft, 4).clamp(0, 255).round()


# ---------------------------------------------------------------- windows for the detector, as `scenes.light`

def light(x):
    """Exposure, contrast, gamma, darkness, haze, blur, halos, noise, JPEG."""
    n, device = len(x), x.device
    dark = (x.mean((1, 2, 3)) < 64) & chance(n, .6, device)
    gamma = torch.where(dark, uniform(n, .3, .6, device), uniform(n, .55, 1.7, device))
    y = (x / 255).clamp(1e-4, 1) ** column(gamma)
    y = y * column(uniform(n, .5, 1.25, device)) + column(uniform(n, -.12, .15, device))
    y = torch.where(column(chance(n, .15, device)), 1 - (1 - y) * column(uniform(n, .3, .8, device)), y)
    y = y.clamp(0, 1) * 255
    sigma = torch.where(chance(n, .3, device), uniform(n, .3, 1.1, device), torch.zeros(n, device=device))
    smear = torch.where(chance(n, .08, device), uniform(n, .5, 2, device), torch.zeros(n, device=device))
    y = blur(y, (sigma.square() + smear.square()).sqrt(), sigma)
    halo = uniform(n, .8, 1.6, device)
    y = on_some(y, .25, lambda z, k: 2 * z - blur(z, halo[k], halo[k], 5))
    y = (y + torch.randn_like(y) * column(one_of(n, [1, 2.5, 5, 10], device))).clamp(0, 255).round()
    return on_some(y, .4, lambda z, k: jpeg(z, uniform(len(k), 30, 90, device)))


def windowed(x, quads, size):
    """Parts `size` wide of larger square windows, turned and scaled a little, by chance mirrored; the quads [N, P, 4, 2]
    with them."""
    n, device, big = len(x), x.device, x.shape[-1]
    scale = torch.exp(uniform(n, np.log(size / big), .3, device))
    reach = size / scale
    a = torch.where(chance(n, .3, device), torch.randn(n, device=device) * .04, torch.zeros(n, device=device))
    centre = reach[:, None] / 2 + torch.rand(n, 2, device=device) * (big - reach).clamp(min=0)[:, None]
    turn = torch.stack([a.cos(), -a.sin(), a.sin(), a.cos()], 1).reshape(-1, 2, 2) / scale.reshape(-1, 1, 1)  # small to large
    mirror = torch.where(chance(n, .5, device), -1., 1.)
    flip = torch.stack([mirror, torch.ones_like(mirror)], 1)
    grid = (pixels(size, size, device) - (size - 1) / 2)[None] * flip[:, None]
    points = grid @ turn.transpose(1, 2) + centre[:, None]
    out = at(x, points, (size, size))
    back = torch.linalg.inv(turn)
    q = (quads - centre[:, None, None]).flatten(1, 2) @ back.transpose(1, 2) * flip[:, None] + (size - 1) / 2
    q = q.reshape(quads.shape)
    q = torch.where((mirror < 0).reshape(-1, 1, 1, 1), q[:, :, [1, 0, 3, 2]], q)
    return out, q


def seen(x, quads):
    """The deviation of the grey values in the upright box of every quad: [N, P]."""
    size = x.shape[-1]
    y = x[:, 0].double()
    sums = [F.pad(v.cumsum(1).cumsum(2), (1, 0, 1, 0)) for v in (y, y * y, torch.ones_like(y))]
    low, high = quads.amin(2).floor().clamp(0, size - 1).long(), quads.amax(2).ceil().clamp(1, size).long()
    high = torch.maximum(high, low + 1)
    n = torch.arange(len(x), device=x.device)[:, None]
    s, q, k = (v[n, high[..., 1], high[..., 0]] - v[n, low[..., 1], high[..., 0]] - v[n, high[..., 1], low[..., 0]] + v[n, low[..., 1], low[..., 0]] for v in sums)
    return ((q / k - (s / k).square()).clamp(min=0)).sqrt().float()
