/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/cloud/images.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/mem.h"

#define OWNER_DLAMI	"898082745236"
#define OWNER_AMAZON	"137112412989"
#define OWNER_CANONICAL "099720109477"
#define DLAMI		"/aws/service/deeplearning/ami/"
#define AL2023		"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-"
#define UBUNTU		"/aws/service/canonical/ubuntu/server/"

static const struct sim_image images[] = {
	{ "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04) 20251107",
	  "NVIDIA driver, CUDA and Docker on Ubuntu 22.04 (simulated)", "x86_64", OWNER_DLAMI,
	  "amazon", "/dev/sda1", 65, "2025-11-07T08:00:00.000Z",
	  DLAMI "x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id" },
	{ "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04) 20251107",
	  "NVIDIA driver, CUDA and Docker on Ubuntu 24.04 (simulated)", "x86_64", OWNER_DLAMI,
	  "amazon", "/dev/sda1", 65, "2025-11-07T08:05:00.000Z",
	  DLAMI "x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id" },
	{ "Deep Learning Base OSS Nvidia Driver GPU AMI (Amazon Linux 2023) 20251107",
	  "NVIDIA driver, CUDA and Docker on Amazon Linux 2023 (simulated)", "x86_64", OWNER_DLAMI,
	  "amazon", "/dev/xvda", 65, "2025-11-07T08:10:00.000Z",
	  DLAMI "x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id" },
	{ "Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.7 (Ubuntu 22.04) 20251107",
	  "PyTorch 2.7 with the NVIDIA driver on Ubuntu 22.04 (simulated)", "x86_64", OWNER_DLAMI,
	  "amazon", "/dev/sda1", 75, "2025-11-07T08:15:00.000Z",
	  DLAMI "x86_64/oss-nvidia-driver-gpu-pytorch-2.7-ubuntu-22.04/latest/ami-id" },
	{ "Deep Learning ARM64 Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04) 20251107",
	  "NVIDIA driver, CUDA and Docker on Ubuntu 22.04 for arm64 (simulated)", "arm64",
	  OWNER_DLAMI, "amazon", "/dev/sda1", 65, "2025-11-07T08:20:00.000Z",
	  DLAMI "arm64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id" },
	{ "al2023-ami-2023.9.20251105.0-kernel-6.1-x86_64",
	  "Amazon Linux 2023 with kernel 6.1 (simulated)", "x86_64", OWNER_AMAZON, "amazon",
	  "/dev/xvda", 8, "2025-11-05T22:40:00.000Z", AL2023 "x86_64" },
	{ "al2023-ami-2023.9.20251105.0-kernel-6.1-arm64",
	  "Amazon Linux 2023 with kernel 6.1 for arm64 (simulated)", "arm64", OWNER_AMAZON,
	  "amazon", "/dev/xvda", 8, "2025-11-05T22:41:00.000Z", AL2023 "arm64" },
	{ "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20251015",
	  "Canonical, Ubuntu, 22.04 LTS, amd64 jammy image (simulated)", "x86_64", OWNER_CANONICAL,
	  "amazon", "/dev/sda1", 8, "2025-10-15T06:30:00.000Z",
	  UBUNTU "22.04/stable/current/amd64/hvm/ebs-gp2/ami-id" },
	{ "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20251015",
	  "Canonical, Ubuntu, 24.04 LTS, amd64 noble image (simulated)", "x86_64", OWNER_CANONICAL,
	  "amazon", "/dev/sda1", 8, "2025-10-15T06:31:00.000Z",
	  UBUNTU "24.04/stable/current/amd64/hvm/ebs-gp3/ami-id" },
	{ "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-20251015",
	  "Canonical, Ubuntu, 24.04 LTS, arm64 noble image (simulated)", "arm64", OWNER_CANONICAL,
	  "amazon", "/dev/sda1", 8, "2025-10-15T06:32:00.000Z",
	  UBUNTU "24.04/stable/current/arm64/hvm/ebs-gp3/ami-id" },
};

size_t sim_images_count(void)
{
	return ARRAY_SIZE(images);
}

const struct sim_image *sim_image_at(size_t i)
{
	return i < ARRAY_SIZE(images) ? &images[i] : NULL;
}

char *sim_image_id(const struct sim_image *image, const char *region, char out[SIM_IMAGE_ID_MAX])
{
	struct buf seed = BUF_INIT;
	char hex[SHA256_HEX_MAX];

	buf_addf(&seed, "%s/%s", region, image->name);
	sha256_hex(seed.data, seed.len, hex);
	buf_release(&seed);
	/* Ids of today's images start with a zero after the dash. */
	snprintf(out, SIM_IMAGE_ID_MAX, "ami-0%.16s", hex);
	return out;
}

const struct sim_image *sim_image_find(const char *region, const char *id)
{
	char mine[SIM_IMAGE_ID_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		if (strcmp(sim_image_id(&images[i], region, mine), id) == 0)
			return &images[i];
	}
	return NULL;
}
