"""Small networks of the kinds that are traced and scripted: images made, enlarged and named, words
foretold."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()
IMAGES = {0: {0: "n"}}
ANY_SIZE = {0: {0: "n", 2: "h", 3: "w"}}


@CASES(torch.randn(2, 16, 1, 1), dynamic=IMAGES, others=(torch.randn(5, 16, 1, 1),))
class Generator(nn.Module):
    """An image of noise, by transposed convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(16, 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(True),
            nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(True),
            nn.ConvTranspose2d(4, 3, 4, 2, 1, output_padding=1),
            nn.Tanh(),
        )

    def forward(self, noise: Tensor):
        return self.layers(noise)


@CASES(torch.randn(2, 3, 16, 16), dynamic=IMAGES, others=(torch.randn(3, 3, 16, 16),))
class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(4, 8, 4, 2, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(8, 1, 4),
            nn.Sigmoid(),
        )

    def forward(self, image: Tensor):
        return self.layers(image).view(-1, 1).squeeze(1)


@CASES(torch.randn(1, 1, 8, 6), dynamic=ANY_SIZE, others=(torch.randn(3, 1, 5, 7),))
class Enlarged(nn.Module):
    """Three times as high and wide, each pixel by convolutions of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 5, padding=2)
        self.second = nn.Conv2d(8, 4, 3, padding=1)
        self.last = nn.Conv2d(4, 9, 3, padding=1)
        self.shuffle = nn.PixelShuffle(3)
        nn.init.orthogonal_(self.last.weight)

    def forward(self, image: Tensor):
        x = self.first(image).relu()
        return self.shuffle(self.last(self.second(x).relu()))


@CASES(torch.randn(1, 2, 8, 6), dynamic=ANY_SIZE, others=(torch.randn(2, 2, 9, 5),))
class Refined(nn.Module):
    """Residual blocks between two paths, and a doubled image."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.PReLU())
            for _ in range(3)
        )
        self.widened = nn.Conv2d(2, 8, 3, padding=1)

    def forward(self, image: Tensor):
        x = image
        for block in self.blocks:
            x = x + block(x)
        x = nn.functional.pixel_shuffle(self.widened(x + image), 2)
        return x + nn.functional.interpolate(image, scale_factor=2.0, mode="bilinear")


WORDS = torch.randint(20, (7, 2))
MORE = torch.randint(20, (4, 2))
KINDS = (
    ("lstm", nn.LSTM, (torch.zeros(2, 2, 6), torch.zeros(2, 2, 6))),
    ("gru", nn.GRU, torch.zeros(2, 2, 6)),
    ("tanh", nn.RNN, torch.zeros(2, 2, 6)),
)


def foretold(cell: type[nn.Module], tied: bool) -> type[nn.Module]:
    class Words(nn.Module):
        """The next word, of an embedding, a recurrent layer and a state that is handed on."""

        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5)
            self.encoder = nn.Embedding(20, 6)
            self.cell = cell(6, 6, 2, dropout=0.2)
            self.decoder = nn.Linear(6, 20)
            if tied:
                self.decoder.weight = self.encoder.weight

        def forward(self, words: Tensor, state):
            output, state = self.cell(self.drop(self.encoder(words)), state)
            scores = self.decoder(self.drop(output).view(-1, output.size(2)))
            return scores.view(output.size(0), output.size(1), scores.size(1)), state

    return Words


for kind, cell, state in KINDS:
    for tied in (False, True):
        # Only a trace: a script wants the state's type.
        CASES(
            WORDS,
            state,
            dynamic={0: {0: "steps"}},
            others=((MORE, state),),
            strategies=("trace",),
            name=f"words_{kind}{'_tied' * tied}",
        )(foretold(cell, tied))


@CASES(torch.randn(2, 1, 28, 28), dynamic=IMAGES, others=(torch.randn(4, 1, 28, 28),))
class Digits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, kernel_size=5)
        self.conv2 = nn.Conv2d(4, 6, kernel_size=5)
        self.dropped = nn.Dropout2d()
        self.inner, self.outer = nn.Linear(96, 12), nn.Linear(12, 10)

    def forward(self, x: Tensor):
        x = nn.functional.relu(nn.functional.max_pool2d(self.conv1(x), 2))
        x = nn.functional.relu(nn.functional.max_pool2d(self.dropped(self.conv2(x)), 2))
        x = nn.functional.relu(self.inner(x.view(-1, 96)))
        return nn.functional.log_softmax(self.outer(nn.functional.dropout(x, training=False)), 1)


class Fire(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, 2, 1)
        self.narrow, self.wide = nn.Conv2d(2, 4, 1), nn.Conv2d(2, 4, 3, padding=1)

    def forward(self, x: Tensor):
        x = self.squeeze(x).relu()
        return torch.cat([self.narrow(x).relu(), self.wide(x).relu()], 1)


@CASES(torch.randn(1, 3, 33, 40), dynamic=ANY_SIZE, others=(torch.randn(2, 3, 41, 35),))
class Squeezing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(6),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(8),
        )
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Conv2d(8, 5, 1), nn.AdaptiveAvgPool2d((1, 1)))

    def forward(self, x: Tensor):
        return torch.flatten(self.head(self.features(x)), 1)
