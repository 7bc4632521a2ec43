/* SPDX-License-Identifier: Apache-2.0 */
/* Replays files, or all files of folders, through a fuzz target: main() where libFuzzer is not. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX ((size_t)16 << 20)

static size_t replayed;

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file) {
		perror(path);
		return -1;
	}

	/* One input, in a block of its exact size: ASan sees a read of one byte too many. */
	fseek(file, 0, SEEK_END);

	long size = ftell(file);
	uint8_t *data =
		size >= 0 && (size_t)size <= INPUT_MAX ? malloc(size ? (size_t)size : 1) : NULL;

	rewind(file);
	if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		free(data);
		fclose(file);
		return -1;
	}
	fclose(file);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	replayed++;
	return 0;
}

static int replay_folder(const char *path)
{
	DIR *folder = opendir(path);
	int rc = 0;

	if (!folder) {
		perror(path);
		return -1;
	}
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		char file[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		rc |= replay_file(file);
	}
	closedir(folder);
	return rc;
}

int main(int argc, char **argv)
{
	int rc = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			rc |= replay_folder(argv[i]);
		else
			rc |= replay_file(argv[i]);
	}
	printf("replayed %zu inputs\n", replayed);
	return rc || !replayed;
}
