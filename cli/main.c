/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "ssh/worker.h"

/*
 * A closed stdin, stdout or stderr would give its number to the next file that is opened. Writing
 * to the substitute fails, as it should.
 */
static void hold_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
			_exit(1);
}

int main(int argc, char **argv)
{
	/*
	 * A core file would hold credentials. Not 0: that keeps the kernel from writing a file, but
	 * not from feeding a handler (core_pattern "|..."); 1 keeps it from both.
	 */
	const struct rlimit no_core = { 1, 1 };

	hold_standard_streams();
	if (getauxval(AT_SECURE)) {
		fputs("gpucloud: refusing to run with rights that its caller does not have\n",
		      stderr);
		return 4;
	}
	umask(077);
	signal(SIGPIPE, SIG_IGN); /* a reader that leaves shows as a failed write */
	setrlimit(RLIMIT_CORE, &no_core);
	if (ssh_worker_asked(argc, argv)) /* started by ourselves, to hold libssh2 */
		return ssh_worker_main();
	return cli_main(stdout, stderr, argc > 0 ? argc - 1 : 0, (const char *const *)argv + 1);
}
