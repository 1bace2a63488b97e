"""The order of the page: symptoms, the 17 entries of the list of tricks, what came after the chapter."""

from typing import NamedTuple

from benchmarks.which_trick.words import Text


class Symptom(NamedTuple):
    """What a person sees, and the tricks that are tried then.

    Attributes:
        title: the heading.
        seen: how it shows, and what the doctor calls it.
        tricks: each trick has one home on the page.
    """

    title: Text
    seen: Text
    tricks: tuple[str, ...]


SYMPTOMS = (
    Symptom(
        Text("D wins and G stands still", "D 赢了，G 不动"),
        Text(
            "D's loss is near 0, D is right on nearly everything, G's images do not change. The doctor "
            "says “D is too strong”.",
            "D 的损失接近 0，几乎全对，G 的图像不再变化。医生说“D 太强”。",
        ),
        (
            "non_saturating",
            "minimax",
            "pause",
            "lower_lr",
            "label_smoothing",
            "label_noise",
            "instance_noise",
            "gradient_penalty",
        ),
    ),
    Symptom(
        Text("It fails from the first step", "第一步就失败"),
        Text(
            "G's first images are black, white, or all the same; gradient norms are tiny or above 100. The "
            "doctor says “the networks start badly” or “G's images do not depend on the latent”. "
            "The other three normalizations take the place of batch normalization.",
            "G 最初的图像全黑、全白或全都一样；梯度范数极小或超过 100。"
            "医生说“网络起步不良”或“G 的图像不随潜变量变化”。"
            "另外三种归一化都取代批归一化。",
        ),
        ("batch_norm", "instance_norm", "weight_norm", "spectral_norm"),
    ),
    Symptom(
        Text("Mode collapse", "模式坍塌"),
        Text(
            "Different latents give the same few images. The doctor says “mode collapse”. Look at the "
            "share of good samples beside the captured modes: one good sample in 2,500 already counts as a "
            "captured mode.",
            "不同的潜变量给出同样的几幅图像。医生说“模式坍塌”。"
            "除捕获的模式数外还要看好样本的比例：2,500 个里有一个好样本就算捕获。",
        ),
        (
            "equal_rates",
            "packing",
            "unrolled",
            "minibatch",
            "feature_matching",
            "virtual_batch_norm",
            "conditional",
            "residual",
            "generator_first",
            "fake_smoothing",
            "replay",
            "r1",
            "cured",
            "modern",
        ),
    ),
    Symptom(
        Text("All modes, but blurred, or it runs in circles", "模式都在，但模糊，或原地绕圈"),
        Text(
            "Samples get better and worse in turns, or stay near the data without becoming sharp. Losses "
            "tell nothing here.",
            "样本时好时坏，或停在数据附近却不清晰。这时损失说明不了什么。",
        ),
        ("long", "lr_decay", "weight_average", "historical_averaging", "sgd_discriminator"),
    ),
    Symptom(
        Text("D learns few images by heart", "D 背下了少量图像"),
        Text(
            "D is surer and surer of training images and not of held-out ones; FID rises after a best value.",
            "D 对训练图像越来越有把握，对留出图像却没有；FID 到最好值之后又上升。",
        ),
        ("augment", "adaptive_augment"),
    ),
    Symptom(
        Text("Checkerboard artifacts", "棋盘格伪影"),
        Text(
            "A regular pattern as fine as the stride of G's transposed convolutions.",
            "规则的花纹，与 G 的转置卷积步幅一样细。",
        ),
        ("pixel_shuffle",),
    ),
    Symptom(
        Text("Wrong counts, flat views, broken structure", "数目不对、视角扁平、结构破碎"),
        Text(
            "Each part looks right and the whole is wrong.",
            "每个局部都对，整体是错的。",
        ),
        ("wide_kernels",),
    ),
    Symptom(
        Text("The latent says little", "潜变量几乎不起作用"),
        Text(
            "The same latent gives one image only, or walks between two latents lead through poor images.",
            "同一个潜变量只有一幅图像，或两个潜变量之间的路上图像变差。",
        ),
        ("dropout_noise", "spherical_latent"),
    ),
    Symptom(
        Text("Few labels", "标签很少"),
        Text(
            "A classifier, many images, a handful of labels.",
            "要一个分类器，图像很多，标签只有一点。",
        ),
        ("ssgan", "gan_loss"),
    ),
)


class Entry(NamedTuple):
    """An entry of the list "tricks for training GANs" (github.com/soumith/ganhacks).

    Attributes:
        told: what the list says, in our words.
        tricks: what here does it.
        note: what else there is to say.
    """

    told: Text
    tricks: tuple[str, ...]
    note: Text = Text("", "")


_ALWAYS = Text("always on", "始终开启")
LIST = (
    Entry(Text("images in [−1, 1], tanh at G's end", "图像在 [−1, 1]，G 末端 tanh"), (), _ALWAYS),
    Entry(
        Text("a loss for G that does not saturate", "G 用不饱和的损失"),
        ("non_saturating", "minimax"),
        Text("the default", "默认"),
    ),
    Entry(Text("latents from a sphere", "潜变量取自球面"), ("spherical_latent",)),
    Entry(
        Text(
            "batch norm on all-real or all-generated batches, else instance norm",
            "批归一化用全真或全生成的批，否则用实例归一化",
        ),
        ("batch_norm", "instance_norm", "virtual_batch_norm"),
    ),
    Entry(
        Text("no sparse gradients", "避免稀疏梯度"),
        ("pixel_shuffle",),
        Text(
            "LeakyReLU and strided convolutions are always on", "LeakyReLU 和带步幅的卷积始终开启"
        ),
    ),
    Entry(Text("soft and noisy labels", "软标签与带噪标签"), ("label_smoothing", "label_noise")),
    Entry(
        Text("DCGAN, or a hybrid", "用 DCGAN 或混合模型"),
        (),
        Text(
            "`--preset dcgan`, the default; hybrids with a VAE are left out",
            "`--preset dcgan`，默认；不含与 VAE 的混合",
        ),
    ),
    Entry(
        Text("stability tricks of reinforcement learning", "借用强化学习的稳定技巧"), ("replay",)
    ),
    Entry(Text("Adam for G, SGD for D", "G 用 Adam，D 用 SGD"), ("sgd_discriminator",)),
    Entry(
        Text("track failures early", "尽早发现失败"),
        (),
        Text(
            "always on: the [doctor](DOCS/my-training-fails.md)",
            "始终开启：[医生](DOCS/my-training-fails.md)",
        ),
    ),
    Entry(
        Text("do not balance by loss statistics", "不要按损失统计量来平衡"),
        ("pause", "lower_lr"),
        Text(
            "the exception that was measured: a D that is far ahead",
            "测过的例外：D 遥遥领先",
        ),
    ),
    Entry(
        Text("use labels where there are any", "有标签就用"), ("ssgan", "gan_loss", "conditional")
    ),
    Entry(Text("noise on D's inputs, decayed", "D 的输入加递减的噪声"), ("instance_noise",)),
    Entry(
        Text("train D more often", "多训练 D"),
        ("equal_rates", "unrolled"),
        Text(
            "left out as such; a faster D and an unrolled one are its relatives",
            "没有照做；更快的 D 和展开的 D 是它的近亲",
        ),
    ),
    Entry(Text("batch discrimination", "批判别"), ("minibatch",)),
    Entry(Text("discrete variables in conditional GANs", "条件 GAN 的离散变量"), ("conditional",)),
    Entry(Text("dropout in G, at test time too", "G 里用 dropout，测试时也用"), ("dropout_noise",)),
)


class Later(NamedTuple):
    """What came after the chapter.

    Attributes:
        name, idea: what it is.
        published: the paper's number; the link leads to it.
        tricks: what was measured of it here.
    """

    name: str
    idea: Text
    published: Text
    tricks: tuple[str, ...]


_R3GAN = "[2501.05441](https://arxiv.org/abs/2501.05441)"
_DIFFAUGMENT = "[2006.10738](https://arxiv.org/abs/2006.10738)"
AFTER = (
    Later(
        "`relativistic_loss`",
        Text(
            "D says which of two is the more real: no single place wins, so none attracts all of G",
            "D 说两者中哪个更真：没有一个地方能赢下全部，G 就不会都挤过去",
        ),
        Text(
            f"stacked MNIST with R1 and R2: 1,000 modes, reverse KL 0.078; with R1 alone it fails ({_R3GAN})",
            f"堆叠 MNIST，加 R1 和 R2：1,000 个模式，反向 KL 0.078；只有 R1 则失败（{_R3GAN}）",
        ),
        ("modern",),
    ),
    Later(
        "`r1_penalty`, `r2_penalty`",
        Text(
            "D's slope is punished at real (R1) and at generated samples (R2): the game comes to rest",
            "在真实样本（R1）和生成样本（R2）处惩罚 D 的斜率：博弈会停下来",
        ),
        Text(
            f"stacked MNIST, the old loss with both: 693 modes, reverse KL 0.93 ({_R3GAN})",
            f"堆叠 MNIST，旧损失加两者：693 个模式，反向 KL 0.93（{_R3GAN}）",
        ),
        ("r1", "cured", "modern"),
    ),
    Later(
        "`differentiable_augment`",
        Text(
            "D sees real and generated images through the same random transforms",
            "D 透过同样的随机变换看真实与生成图像",
        ),
        Text(
            f"CIFAR-10 with a tenth of the images: FID 39.8 → 22.4 ({_DIFFAUGMENT})",
            f"CIFAR-10 用十分之一的图像：FID 39.8 → 22.4（{_DIFFAUGMENT}）",
        ),
        ("augment",),
    ),
    Later(
        "`AdaptiveAugment`",
        Text(
            "the same, as often as D's overfitting asks for",
            "同上，频率由 D 的过拟合程度决定",
        ),
        Text(
            "[2006.06676](https://arxiv.org/abs/2006.06676)",
            "[2006.06676](https://arxiv.org/abs/2006.06676)",
        ),
        ("adaptive_augment",),
    ),
    Later(
        "`gradient_penalty`",
        Text(
            "D's slope is kept near 1 between real and generated samples",
            "在真实与生成样本之间让 D 的斜率接近 1",
        ),
        Text(
            "[1704.00028](https://arxiv.org/abs/1704.00028)",
            "[1704.00028](https://arxiv.org/abs/1704.00028)",
        ),
        ("gradient_penalty",),
    ),
    Later(
        "`SpectralNormalization`",
        Text("the slope of each of D's layers is bounded", "限制 D 每一层的斜率"),
        Text(
            "[1802.05957](https://arxiv.org/abs/1802.05957)",
            "[1802.05957](https://arxiv.org/abs/1802.05957)",
        ),
        ("spectral_norm",),
    ),
)
