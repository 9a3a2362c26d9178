"""What draws images with a denoiser: from what it knows of images, or given a noisy one."""
