/* SPDX-License-Identifier: MIT */
/*
 * read, write and their kin, one after the other: same shape, other arguments.
 */
#include "wait_fd.h"
#include <errno.h>

GD_EXPORT ssize_t read(int fd, void *buf, size_t n)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL(read)(fd, buf, n);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t __read_chk(int fd, void *buf, size_t n, size_t size)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL_OR_ENOSYS(__read_chk, fd, buf, n, size);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t readv(int fd, const struct iovec *iov, int count)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL(readv)(fd, iov, count);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t pread(int fd, void *buf, size_t n, off_t offset)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL(pread)(fd, buf, n, offset);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t pread64(int fd, void *buf, size_t n, off64_t offset)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL(pread64)(fd, buf, n, offset);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t __pread_chk(int fd, void *buf, size_t n, off_t offset, size_t size)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL_OR_ENOSYS(__pread_chk, fd, buf, n, offset, size);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t __pread64_chk(int fd, void *buf, size_t n, off64_t offset, size_t size)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL_OR_ENOSYS(__pread64_chk, fd, buf, n, offset, size);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL(preadv)(fd, iov, count, offset);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t preadv64(int fd, const struct iovec *iov, int count, off64_t offset)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL(preadv64)(fd, iov, count, offset);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL_OR_ENOSYS(preadv2, fd, iov, count, offset, flags);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t preadv64v2(int fd, const struct iovec *iov, int count, off64_t offset, int flags)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL_OR_ENOSYS(preadv64v2, fd, iov, count, offset, flags);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t write(int fd, const void *buf, size_t n)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	ssize_t ret = GD_REAL(write)(fd, buf, n);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	ssize_t ret = GD_REAL(writev)(fd, iov, count);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t pwrite(int fd, const void *buf, size_t n, off_t offset)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	ssize_t ret = GD_REAL(pwrite)(fd, buf, n, offset);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t offset)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	ssize_t ret = GD_REAL(pwrite64)(fd, buf, n, offset);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	ssize_t ret = GD_REAL(pwritev)(fd, iov, count, offset);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t pwritev64(int fd, const struct iovec *iov, int count, off64_t offset)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	ssize_t ret = GD_REAL(pwritev64)(fd, iov, count, offset);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	ssize_t ret = GD_REAL_OR_ENOSYS(pwritev2, fd, iov, count, offset, flags);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t pwritev64v2(int fd, const struct iovec *iov, int count, off64_t offset, int flags)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	ssize_t ret = GD_REAL_OR_ENOSYS(pwritev64v2, fd, iov, count, offset, flags);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t sendfile(int fd, int from, off_t *offset, size_t n)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	ssize_t ret = GD_REAL(sendfile)(fd, from, offset, n);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t sendfile64(int fd, int from, off64_t *offset, size_t n)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	ssize_t ret = GD_REAL(sendfile64)(fd, from, offset, n);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

/* Waits where data comes from: the side that is no file. */
GD_EXPORT ssize_t splice(int fd, off64_t *offset, int to, off64_t *to_offset, size_t n,
			 unsigned int flags)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL(splice)(fd, offset, to, to_offset, n, flags);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t copy_file_range(int fd, off64_t *offset, int to, off64_t *to_offset, size_t n,
				  unsigned int flags)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL_OR_ENOSYS(copy_file_range, fd, offset, to, to_offset, n, flags);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT int fsync(int fd)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_FILE, (uint64_t)fd + 1, 1);
	int ret = GD_REAL(fsync)(fd);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int fdatasync(int fd)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_FILE, (uint64_t)fd + 1, 1);
	int ret = GD_REAL(fdatasync)(fd);

	gd_span_end(&span);
	return ret;
}
