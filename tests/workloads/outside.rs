// Waits for a line, then computes|sleeps|asks|locks: as outside.go, with libc underneath.
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, io, net, thread};

fn main() {
    println!("up");
    io::stdin().read_line(&mut String::new()).unwrap();
    match env::args().nth(1).unwrap().as_str() {
        "computes" => {
            let mut s: u64 = 0;
            for i in 0..1u64 << 30 {
                s = s.wrapping_mul(31).wrapping_add(i % 7);
            }
            println!("{}", s);
        }
        "sleeps" => {
            for _ in 0..20 {
                thread::sleep(Duration::from_millis(50));
            }
        }
        "asks" => {
            let l = net::TcpListener::bind("127.0.0.1:0").unwrap();
            let to = l.local_addr().unwrap();
            thread::spawn(move || {
                let (mut c, _) = l.accept().unwrap();
                let mut b = [0; 1];
                while c.read(&mut b).unwrap_or(0) > 0 {
                    thread::sleep(Duration::from_millis(20));
                    c.write_all(&b).unwrap();
                }
            });
            let mut c = net::TcpStream::connect(to).unwrap();
            for _ in 0..40 {
                c.write_all(b"x").unwrap();
                c.read_exact(&mut [0; 1]).unwrap();
            }
        }
        _ => {
            let m = Arc::new(Mutex::new(()));
            let t: Vec<_> = (0..8)
                .map(|_| {
                    let m = m.clone();
                    thread::spawn(move || {
                        for _ in 0..10 {
                            let _g = m.lock().unwrap();
                            thread::sleep(Duration::from_millis(10));
                        }
                    })
                })
                .collect();
            t.into_iter().for_each(|t| t.join().unwrap());
        }
    }
}
