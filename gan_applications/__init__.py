"""The systems of section 2.2.1, one file each, to be read from top to bottom: networks, step, measure.

    pix2pix         from a drawing to a picture, learned from pairs (Isola et al. 2017)
    discogan        which goes with which, learned without pairs (Kim et al. 2017)
    cyclegan        image to image, learned without pairs (Zhu et al. 2017)
    srgan           four times as large, with details that look real (Ledig et al. 2017)
    text_to_image   from a sentence to a picture (Reed et al. 2016)
    stackgan        from a sentence to a small picture, and from both to a large one (Zhang et al. 2017)
    video           a foreground that moves over a ground that stays (Vondrick et al. 2016)
    next_frames     how a video goes on (Mathieu et al. 2016)

What they share: `running` (flags, the run's folder, going on), `applying` (a trained run, asked), `players`
(optimizers, a step's numbers), `pairs`, `domains`, `turned`, `sentences`, `moving`, `moving_digits` (data),
`both_ways` (two generators, two discriminators), `fidelity` (an image against its truth).
"""
