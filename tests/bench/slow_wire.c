/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wire with a delay and a rate between two network namespaces, for bench_copy.py: what tc's netem does,
 * which not every kernel has. A tun device "wire" at each end; a packet leaves when those before it have,
 * at that rate, and arrives one delay later. What would wait longer than QUEUE_NS is dropped, as a
 * queue of 1,000 packets at 200 Mbit/s would. Says "ready" once the devices are there, and ends with its
 * standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>

#define SLOTS	 8192 /* under way at once: 60 ms waiting and 25 ms on the wire take some 1,400 */
#define SLOT	 2048
#define QUEUE_NS 60000000
#define NS	 1000000000

struct packet {
	int64_t due; /* arrives */
	size_t len;
	char data[SLOT];
};

struct way {
	int from, to;
	int64_t delay_ns, bits_per_s;
	int64_t free_at; /* the wire is busy until then */
	struct packet *ring;
	size_t first, nr;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS + now.tv_nsec;
}

/* -1 with errno. The device is in that namespace, and goes with the descriptor. */
static int open_end(const char *netns)
{
	struct ifreq request = { .ifr_name = "wire" };
	int ns = open(netns, O_RDONLY | O_CLOEXEC), fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		return -1;
	close(ns);
	request.ifr_flags = IFF_TUN | IFF_NO_PI;
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		return -1;
	return fd;
}

static void take(struct way *way)
{
	char spare[SLOT];

	for (;;) {
		struct packet *packet = &way->ring[(way->first + way->nr) % SLOTS];
		bool full = way->nr == SLOTS;
		ssize_t n = read(way->from, full ? spare : packet->data, SLOT);
		int64_t now = now_ns();

		if (n <= 0)
			return;
		if (way->free_at < now)
			way->free_at = now;
		if (full || way->free_at - now > QUEUE_NS)
			continue;
		way->free_at += (int64_t)n * 8 * NS / way->bits_per_s;
		packet->due = way->free_at + way->delay_ns;
		packet->len = (size_t)n;
		way->nr++;
	}
}

static void give(struct way *way)
{
	while (way->nr > 0 && way->ring[way->first].due <= now_ns()) {
		const struct packet *packet = &way->ring[way->first];

		if (write(way->to, packet->data, packet->len) < 0 && errno != EIO)
			exit(1);
		way->first = (way->first + 1) % SLOTS;
		way->nr--;
	}
}

static void *run(void *ctx)
{
	struct way *way = ctx;

	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	for (;;) {
		struct pollfd pfd = { .fd = way->from, .events = POLLIN };
		int64_t left = way->nr > 0 ? way->ring[way->first].due - now_ns() : NS;
		const struct timespec wait = { .tv_sec = left > 0 ? left / NS : 0,
					       .tv_nsec = left > 0 ? left % NS : 0 };

		ppoll(&pfd, 1, &wait, NULL);
		take(way);
		give(way);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct way ways[2];
	pthread_t threads[2];
	int ends[2];
	char byte;

	if (argc != 5) {
		fprintf(stderr, "usage: slow_wire NETNS NETNS DELAY_MS MBIT_PER_S\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 2; i++) {
		ends[i] = open_end(argv[1 + i]);
		if (ends[i] < 0) {
			fprintf(stderr, "slow_wire: %s: %s\n", argv[1 + i], strerror(errno));
			return 1;
		}
	}
	for (int i = 0; i < 2; i++) {
		ways[i] = (struct way){ .from = ends[i],
					.to = ends[1 - i],
					.delay_ns = strtoll(argv[3], NULL, 10) * 1000000,
					.bits_per_s = strtoll(argv[4], NULL, 10) * 1000000,
					.ring = calloc(SLOTS, sizeof(struct packet)) };
		if (!ways[i].ring || ways[i].bits_per_s <= 0 ||
		    pthread_create(&threads[i], NULL, run, &ways[i]) != 0)
			return 1;
	}
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
