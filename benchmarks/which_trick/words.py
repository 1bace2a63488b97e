"""The names of what the page speaks of, in English and in Chinese."""

from typing import NamedTuple


class Text(NamedTuple):
    """The same in both languages."""

    en: str
    zh: str


# ------------------------------------------------------------------------------------ names of things

PATIENTS = {
    "ring": Text("ring", "环"),
    "grid": Text("grid", "网格"),
    "stacked": Text("stacked MNIST", "堆叠 MNIST"),
    "page": Text("ring on the page of the game", "游戏页面上的环"),
    "digits": Text("digits", "数字"),
    "failing": Text("failing digits", "失败的数字训练"),
    "few": Text("few images", "少量图像"),
    "color": Text("color", "彩色图像"),
    "shapes": Text("shapes", "图形"),
    "labels": Text("few labels", "少量标签"),
}
SETTINGS = {
    "plain": Text("", ""),
    "equal rates": Text("equal rates", "学习率相等"),
    "equal rates, labels 0.9 and 0": Text(
        "equal rates, real labels 0.9", "学习率相等，真实标签 0.9"
    ),
    "equal rates, labels 0.9 and 0.1": Text("generated labels 0.1", "生成标签 0.1"),
    "equal rates, labels 0.9 and 0.3": Text("generated labels 0.3", "生成标签 0.3"),
    "long": Text("20 times the steps, falling rates", "20 倍步数，学习率递减"),
    "falling": Text("falling rates, batches of 512", "学习率递减，批大小 512"),
    "falling, labels 0.9 and 0.1": Text(
        "falling rates, batches of 512, labels 0.9 and 0.1",
        "学习率递减，批大小 512，标签 0.9 和 0.1",
    ),
    "rate 0.3": Text("D's rate 0.3 of G's, batches of 64", "D 的学习率是 G 的 0.3，批大小 64"),
    "rate 10": Text("D's rate 10 times G's, batches of 64", "D 的学习率是 G 的 10 倍，批大小 64"),
    "cure": Text("story “collapse”", "故事“坍塌”"),
    "circling": Text("story “circling”", "故事“绕圈”"),
    "strong": Text("story “D too strong”", "故事“D 太强”"),
    "strong_d": Text("D too strong", "D 太强"),
    "bad_init": Text("bad initialization", "初始化不当"),
    "few100": Text("100 images", "100 幅图像"),
    "few500": Text("500 images", "500 幅图像"),
    "few2000": Text("2,000 images", "2,000 幅图像"),
    "openmoji32": Text("openmoji, 32 pixels", "openmoji，32 像素"),
    "openmoji64": Text("openmoji, 64 pixels", "openmoji，64 像素"),
    "cifar10": Text("CIFAR-10", "CIFAR-10"),
    "mnist": Text("MNIST", "MNIST"),
    "count": Text("counts", "计数"),
    "perspective": Text("views", "视角"),
    "structure": Text("structure", "结构"),
    "mnist20": Text("MNIST, 20 labels", "MNIST，20 个标签"),
    "mnist50": Text("MNIST, 50 labels", "MNIST，50 个标签"),
    "mnist100": Text("MNIST, 100 labels", "MNIST，100 个标签"),
    "mnist1000": Text("MNIST, 1,000 labels", "MNIST，1,000 个标签"),
    "mnist5k": Text("mnist5k, 100 labels", "mnist5k，100 个标签"),
    "cifar4000": Text("CIFAR-10, 4,000 labels", "CIFAR-10，4,000 个标签"),
    "labels alone": Text("MNIST, 100 labels", "MNIST，100 个标签"),
    "labels, consistency": Text(
        "MNIST, 100 labels, with the consistency loss", "MNIST，100 个标签，加一致性损失"
    ),
}
MEASURES = {
    "modes": Text("modes", "模式数"),
    "filled": Text("filled modes", "填满的模式数"),
    "high_quality": Text("good samples", "好样本"),
    "kl": Text("reverse KL", "反向 KL"),
    "fid": Text("FID", "FID"),
    "wrong": Text("wrong images", "错误图像"),
    "test_error": Text("test error", "测试误差"),
}
VERDICTS = {
    "helped": Text("helped", "有益"),
    "unclear": Text("not visible", "看不出"),
    "harmed": Text("did harm", "有害"),
}


class More(NamedTuple):
    """What is on the page and is no `--tricks` of the catalogue.

    Attributes:
        section: of the chapter; "after" for what came later.
        effect: one line.
        flag: how to turn it on; empty where it is always on.
    """

    section: str
    effect: Text
    flag: str


MORE = {
    "equal_rates": More(
        "2.3.2",
        Text("D learns as fast as G, not ten times slower", "D 与 G 学得一样快，而不是慢十倍"),
        "--discriminator_lr",
    ),
    "long": More(
        "2.3.2",
        Text(
            "20 times the steps, rates that fall to 0, averaged weights",
            "20 倍步数，学习率降到 0，权重取平均",
        ),
        "--steps 100000 --tricks lr_decay,weight_average",
    ),
    "cured": More(
        "2.3.2",
        Text(
            "told the mode, packs of two, R1, falling rates", "告知模式，两个一组，R1，学习率递减"
        ),
        "--preset cured",
    ),
    "modern": More(
        "after",
        Text(
            "relativistic loss, R1 and R2, no normalization",
            "相对论损失，R1 和 R2，不用归一化",
        ),
        "--preset modern",
    ),
    "pause": More(
        "2.3.1",
        Text("D's updates are left out while D is ahead", "D 领先时跳过它的更新"),
        "--on_failure pause",
    ),
    "lower_lr": More(
        "2.3.1",
        Text("a tenth of D's learning rate while D is ahead", "D 领先时用十分之一的学习率"),
        "--on_failure lower_lr",
    ),
    "batch_norm": More(
        "2.4.6",
        Text(
            "normalizes by the batch, all-real or all-generated",
            "按批归一化，每批全真或全生成",
        ),
        "",
    ),
    "wide_kernels": More(
        "2.4.7",
        Text("D's kernels are 6 pixels wide for 4", "D 的卷积核宽 6 像素而不是 4"),
        "--discriminator_kernel 6",
    ),
    "ssgan": More(
        "2.2.3",
        Text(
            "D also names classes, with all that `ssgan_tf` does beside",
            "D 同时分类，连同 `ssgan_tf` 的其余做法",
        ),
        "",
    ),
    "gan_loss": More(
        "2.2.3",
        Text("the GAN's part of D's loss alone", "只加 D 损失中 GAN 的那一部分"),
        "",
    ),
}
# The names that Chinese readers search for, and the catalogue's one line of each.
CHINESE = {
    "gradient_penalty": ("梯度惩罚", "让 D 在真实与生成样本之间的斜率接近 1"),
    "r1": ("R1", "让 D 在真实样本附近平坦，使 G 在那里安定下来"),
    "augment": ("可微增强", "D 只看变换过的图像，背不下小数据集"),
    "adaptive_augment": ("自适应增强", "按 D 过拟合的程度决定增强多少图像"),
    "lr_decay": ("学习率递减", "两个学习率在训练中降到 0"),
    "packing": ("打包", "D 一次判断几个样本，能看出它们全都一样"),
    "unrolled": ("展开", "G 对着几步之后的 D 下棋"),
    "minimax": ("minimax 损失", "G 最小化 log(1 − D)，即博弈本来的损失"),
    "non_saturating": ("非饱和损失", "G 最大化 log D；默认"),
    "fake_smoothing": ("生成标签平滑", "D 对生成数据的目标是 β 而不是 0：本章不建议"),
    "generator_first": ("先练 G", "训练前十分之一里 D 每五步才动一步"),
    "conditional": ("条件 GAN", "两个网络都被告知模式（CGAN）"),
    "residual": ("残差", "G 只在与数据同宽的高斯上补差（LAPGAN 的想法）"),
    "feature_matching": ("特征匹配", "G 匹配真实数据在 D 里的平均特征"),
    "minibatch": ("小批量判别", "D 看到一个样本与同批其他样本有多接近"),
    "historical_averaging": ("历史平均", "把权重拉向过去的均值，抑制绕圈"),
    "weight_average": ("权重平均", "采样和测试用权重的滑动平均"),
    "label_smoothing": ("单边标签平滑", "D 对真实数据的目标是 0.9，压住它的自信"),
    "label_noise": ("标签噪声", "随机翻转少量 D 的标签"),
    "virtual_batch_norm": ("虚拟批归一化", "用固定的参考批归一化每个样本"),
    "instance_norm": ("实例归一化", "每个样本各自归一化，用于批无法分开的地方"),
    "weight_norm": ("权重归一化", "每个单元的权重长度与方向分开学习"),
    "spectral_norm": ("谱归一化", "限制 D 每一层的斜率"),
    "pixel_shuffle": ("像素重排", "G 把通道移成像素来放大，没有要填的零"),
    "sgd_discriminator": ("D 用 SGD", "D 用 SGD，G 用 Adam"),
    "instance_noise": ("实例噪声", "给 D 的输入加逐渐消失的噪声，使真实与生成重叠"),
    "dropout_noise": ("dropout 噪声", "G 里的 dropout 作噪声源，测试时也开"),
    "spherical_latent": ("球面潜变量", "潜变量取在单位球面上，沿大圆插值"),
    "replay": ("回放", "再给 D 看旧的生成样本，使它继续拒绝"),
    "equal_rates": ("学习率相等", ""),
    "long": ("长训练", ""),
    "cured": ("全套疗法", ""),
    "modern": ("modern 预设", ""),
    "pause": ("暂停 D", ""),
    "lower_lr": ("降低 D 的学习率", ""),
    "batch_norm": ("批归一化", ""),
    "wide_kernels": ("更宽的卷积核", ""),
    "ssgan": ("半监督 GAN", ""),
    "gan_loss": ("GAN 损失", ""),
}
ENGLISH = {
    "r1": "R1",
    "gan_loss": "GAN loss",
    "ssgan": "semi-supervised GAN",
    "long": "long training",
    "cured": "the whole cure",
    "modern": "modern preset",
    "minimax": "minimax loss",
    "non_saturating": "non-saturating loss",
    "label_smoothing": "one-sided label smoothing",
    "fake_smoothing": "two-sided label smoothing",
    "minibatch": "minibatch discrimination",
    "sgd_discriminator": "SGD for D",
    "pause": "pausing D",
    "lower_lr": "a lower learning rate for D",
    "wide_kernels": "wider kernels",
    "batch_norm": "batch normalization",
    "lr_decay": "learning rate decay",
    "weight_norm": "weight normalization",
    "spectral_norm": "spectral normalization",
    "instance_norm": "instance normalization",
    "virtual_batch_norm": "virtual batch normalization",
    "augment": "differentiable augmentation",
    "adaptive_augment": "adaptive augmentation",
    "weight_average": "weight averaging (EMA)",
    "replay": "replay buffer",
    "dropout_noise": "dropout in G",
    "generator_first": "G first",
    "residual": "learning a residual",
    "unrolled": "unrolled GAN",
    "conditional": "conditional GAN",
    "pixel_shuffle": "pixel shuffle",
    "spherical_latent": "spherical latents",
}
