/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/train_files.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpu-selftest/src/json.h"
#include "gpu-selftest/src/sha256.h"
#include "gpu-selftest/src/weights.h"

#define PATH_ROOM 4096

static int failed(const char *what, const char *name, char *error, size_t size)
{
	snprintf(error, size, "cannot %s '%s': %s", what, name, strerror(errno));
	return -1;
}

int train_folder(const char *folder, char *error, size_t size)
{
	if (strlen(folder) > PATH_ROOM - 64) {
		snprintf(error, size, "the name after --out is too long");
		return -1;
	}
	if (mkdir(folder, 0777) != 0 && errno != EEXIST)
		return failed("make the folder", folder, error, size);
	return 0;
}

static int write_all(int fd, const void *data, size_t length)
{
	const char *p = data;
	while (length > 0) {
		ssize_t n = write(fd, p, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		length -= (size_t)n;
	}
	return fsync(fd);
}

/* Whoever reads the name sees the old file or the new one, whatever happens meanwhile. */
static int replace(const char *folder, const char *name, const void *data, size_t length,
		   char *error, size_t size)
{
	char path[PATH_ROOM], part[PATH_ROOM];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	snprintf(part, sizeof(part), "%s/.%s.part", folder, name);
	int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0)
		return failed("write", part, error, size);
	int rc = write_all(fd, data, length);
	int code = errno;
	if (close(fd) != 0 && rc == 0) {
		rc = -1;
		code = errno;
	}
	if (rc == 0 && rename(part, path) == 0)
		return 0;
	errno = rc == 0 ? errno : code;
	failed("write", path, error, size);
	unlink(part);
	return -1;
}

double train_epoch_loss(const struct progress *p, unsigned epoch)
{
	double sum = 0;
	unsigned from = epoch * p->per_epoch, to = from + p->per_epoch;
	if (to > p->steps)
		to = p->steps;
	for (unsigned i = from; i < to; i++)
		sum += (double)p->loss[i];
	return isnan(sum) ? (double)NAN : sum / (to - from);
}

static int save_curve(const struct progress *p, char *error, size_t size)
{
	char *text = NULL;
	size_t length = 0;
	FILE *f = open_memstream(&text, &length);
	if (f == NULL)
		return failed("write", "loss.csv", error, size);
	fputs("epoch,step,loss,accuracy\n", f);
	for (unsigned i = 0; i < p->steps; i++) {
		unsigned epoch = i / p->per_epoch;
		bool last = (i + 1) % p->per_epoch == 0 || i + 1 == p->steps;
		/* without a sign that says nothing */
		double loss = isnan(p->loss[i]) ? (double)NAN : (double)p->loss[i];
		fprintf(f, "%u,%u,%.6g,", epoch + 1, i + 1, loss);
		if (last)
			fprintf(f, "%.4f", (double)p->accuracy[epoch]);
		fputc('\n', f);
	}
	int rc = fclose(f) != 0 ? failed("write", "loss.csv", error, size)
				: replace(p->options->out, "loss.csv", text, length, error, size);
	free(text);
	return rc;
}

static int save_weights(const struct progress *p, char sha256[65], char *error, size_t size)
{
	const struct model *m = p->options->model;
	unsigned char *bytes = malloc(weights_bytes(m));
	if (bytes == NULL)
		return failed("write", "weights.bin", error, size);
	weights_encode(m, p->weights, bytes);
	sha256_hex(bytes, weights_bytes(m), sha256);
	int rc = replace(p->options->out, "weights.bin", bytes, weights_bytes(m), error, size);
	free(bytes);
	return rc;
}

static void put_result(struct json *j, const struct progress *p)
{
	json_int(j, "epochs_done", p->steps / p->per_epoch);
	json_int(j, "steps_done", p->steps);
	if (p->steps == 0) {
		json_null(j, "first_loss");
		json_null(j, "last_loss");
		json_null(j, "accuracy");
	} else {
		json_real(j, "first_loss", train_epoch_loss(p, 0), 6);
		json_real(j, "last_loss", train_epoch_loss(p, p->epochs - 1), 6);
		json_real(j, "accuracy", (double)p->accuracy[p->epochs - 1], 4);
	}
	if (p->options->model->outputs == 1)
		json_real(j, "auc", p->auc, 4);
	json_real(j, "seconds", p->seconds, 3);
}

/* The shortest decimal that reads back as the same. */
static void put_rate(struct json *j, float rate)
{
	char text[48], member[64];
	for (int digits = 6; digits <= 9; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, (double)rate);
		float read = strtof(text, NULL);
		if (read >= rate && read <= rate)
			break;
	}
	snprintf(member, sizeof(member), "\"rate\":%s", text);
	json_raw(j, member);
}

static int save_summary(const struct progress *p, const char *sha256, char *error, size_t size)
{
	const struct train_options *o = p->options;
	struct json j = { 0 };
	char seed[24];
	json_open(&j, NULL, '{');
	json_string(&j, "schema", "gpucloud.train/1");
	json_string(&j, "tool", GPUCLOUD_VERSION);
	json_string(&j, "network", o->model->name);
	json_string(&j, "state", p->state);
	json_string(&j, "device", p->device->name);
	json_bool(&j, "simulated", p->device->simulated);
	/* JSON's readers keep 53 bits of a number */
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)o->seed);
	json_string(&j, "seed", seed);
	put_rate(&j, o->rate);
	json_int(&j, "samples", o->samples);
	json_int(&j, "held_out", o->model->held_out);
	json_int(&j, "epochs", o->epochs);
	json_int(&j, "steps", (int64_t)o->epochs * p->per_epoch);
	put_result(&j, p);
	json_open(&j, "weights", '{');
	json_string(&j, "file", "weights.bin");
	json_int(&j, "bytes", (int64_t)weights_bytes(o->model));
	json_string(&j, "sha256", sha256);
	json_close(&j, '}');
	json_close(&j, '}');
	char *text = malloc(j.length + 1);
	int rc = -1;
	if (text == NULL) {
		failed("write", "summary.json", error, size);
	} else {
		memcpy(text, j.text, j.length);
		text[j.length] = '\n';
		rc = replace(o->out, "summary.json", text, j.length + 1, error, size);
	}
	free(text);
	json_release(&j);
	return rc;
}

int train_save(const struct progress *p, char sha256[65], char *error, size_t size)
{
	if (save_curve(p, error, size) != 0 || save_weights(p, sha256, error, size) != 0)
		return -1;
	return save_summary(p, sha256, error, size);
}
