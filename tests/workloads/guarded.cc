// Six threads book into one ledger; each has an account with a lock of its own beside it.  The guards
// are those of the standard library, inlined: their own lines lie in its headers.
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

static std::mutex ledger;
static struct account {
	std::mutex own;
	long balance;
} accounts[6];
static volatile long sink;

static void compute_us(int us)
{
	auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(us);

	while (std::chrono::steady_clock::now() < end)
		sink = sink + 1;
}

__attribute__((noinline)) static void book(account *account)
{
	std::lock_guard<std::mutex> guard(ledger);

	compute_us(900);
	account->balance++;
}

__attribute__((noinline)) static void look(account *account)
{
	std::lock_guard<std::mutex> guard(account->own);

	compute_us(30);
}

static void work(account *account)
{
	for (int i = 0; i < 150; i++) {
		book(account);
		look(account);
	}
}

int main()
{
	std::vector<std::thread> threads;

	for (auto &account : accounts)
		threads.emplace_back(work, &account);
	for (auto &thread : threads)
		thread.join();
}
