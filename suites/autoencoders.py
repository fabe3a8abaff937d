"""S18: linear, sigmoid and convolutional autoencoders, and what they make of noise."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.spec import replace
from paribus.suites.tasks.autoencoding import AUTOENCODING, DENOISING


def _denoising(name: str, sigma: float) -> Comparison:
    """Return a linear against a convolutional denoiser at a level of noise."""
    return Comparison(
        name=name,
        question=f"Which autoencoder frees digits of noise of standard deviation {sigma:g} best?",
        task=replace(DENOISING, "perturb.sigma", sigma),
        recipe=Recipe(
            model=call("paribus.models.autoencoders:Autoencoder", code=16),
            optimizer=call("torch.optim:Adam", lr=0.003),
            evaluate_every=100,
        ),
        factor=Factor(
            "recipe.model",
            {
                "linear": call("paribus.models.autoencoders:Autoencoder", code=16),
                "convolutional": call(
                    "paribus.models.autoencoders:ConvAutoencoder",
                    channels=[32, 16, 8],
                    halvings=1,
                    output="sigmoid",
                ),
            },
        ),
        baseline="linear",
        budgets={"quick": Budget(10, 300, 3), "full": Budget(29, 4000, 280)},
        figures={"Denoised": call("paribus.report.figures.reconstructions:reconstructions")},
        claims=(
            *(
                Claim(
                    name="C34",
                    text=f"A denoising autoencoder beats {what} in PSNR.",
                    variant="convolutional",
                    relation="above",
                    value=0.0,
                    measure=call(
                        "paribus.analysis.measures:over_dummy", predictor=predictor, metric="psnr"
                    ),
                    source="course notes",
                )
                for predictor, what in (("noisy_image", "the noisy image"), ("pca", "PCA"))
            ),
            Claim(
                name="convolutions",
                text="A convolutional denoising autoencoder beats a linear one in PSNR.",
                variant="convolutional",
                relation="better",
                source="course notes",
            ),
        ),
        notes=(
            "Noise is drawn once a seed and image and is part of the data: a network sees the same noisy image in "
            "every epoch.",
            "`pca` projects the noisy image on as many principal components of clean training images as serve the "
            "validation part best.",
        ),
    )


SUITE = Suite(
    name="autoencoders",
    title="Autoencoders",
    system="S18",
    comparisons=(
        Comparison(
            name="bottleneck",
            question="What is lost where an image has to pass two numbers, with and without sigmoids?",
            task=AUTOENCODING,
            recipe=Recipe(
                model=call("paribus.models.autoencoders:Autoencoder", code=2),
                optimizer=call("torch.optim:Adam", lr=0.01),
                evaluate_every=100,
            ),
            factor=Factor(
                "recipe.model",
                {
                    "linear": call("paribus.models.autoencoders:Autoencoder", code=2),
                    "sigmoid at both ends": call(
                        "paribus.models.autoencoders:Autoencoder",
                        code=2,
                        activation="Sigmoid",
                        output="sigmoid",
                    ),
                },
            ),
            baseline="linear",
            budgets={"quick": Budget(10, 1000, 2), "full": Budget(29, 4000, 60)},
            figures={
                "Reconstructions": call("paribus.report.figures.reconstructions:reconstructions")
            },
            claims=(
                Claim(
                    name="C33",
                    text="A linear autoencoder finds the PCA subspace: its error is that of two principal components, "
                    "within the margin of 0.002.",
                    variant="linear",
                    relation="within",
                    value=0.0,
                    margin=0.002,
                    measure=call(
                        "paribus.analysis.measures:over_dummy",
                        predictor="pca",
                        metric="squared_error",
                    ),
                    source="Baldi and Hornik 1989",
                ),
                Claim(
                    name="sigmoid",
                    text="Sigmoids at both ends lose more than the linear autoencoder, which equals PCA.",
                    variant="sigmoid at both ends",
                    relation="worse",
                    source="course notes",
                ),
            ),
            notes=(
                "`pca` keeps two principal components of the training part, the best that a linear autoencoder can do; "
                "that it gets there is tested exactly, in float64 (C33).",
            ),
        ),
        _denoising("denoising", 0.2),
        _denoising("heavy_noise", 0.4),
    ),
)
