/* Functions inlined into each other, compiled with -O2 -g for the symbolizer's test. */
volatile int sink;
const char linux_banner[] = "Linux version 6.1.0-inlines (a@b) #1 SMP";

static inline __attribute__((always_inline)) void innermost(int value)
{
	sink = value; /* innermost */
	__asm__ volatile("nop");
}

static inline __attribute__((always_inline)) void middle(int value)
{
	innermost(value + 1); /* middle */
	sink += 2;
}

__attribute__((noinline)) int outer(int value)
{
	middle(value); /* outer */
	return sink;
}

int main(void)
{
	return outer(7) == 0;
}
