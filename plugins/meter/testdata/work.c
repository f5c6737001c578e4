// Work of the kinds that guests do. work.wasm is built by
//
//	clang --target=wasm32 -O2 -mbulk-memory -nostdlib -fno-builtin -Wl,--no-entry -o work.wasm work.c
//
typedef unsigned int u32; typedef unsigned long long u64; typedef unsigned char u8;
#define EX(n) __attribute__((export_name(n)))
static u8 heap[1<<20]; static u8 txt[1000*64];
EX("sluice_v1_alloc") u32 alloc(u32 n){ return (u32)heap; }
EX("sluice_v1_open") u64 open_(u32 p,u32 n){ return 0; }
EX("sluice_v1_process") u32 process(u32 b){ return b; }
static int lower(int c){ return c>='A'&&c<='Z'?c+32:c; }
static u32 len(const u8*p,u32 max){u32 i=0; while(i<max&&p[i])i++; return i;}
static u32 domain(const u8*p,u32 n,u8*o){
  u32 i=0; for(;i+2<n;i++) if(p[i]==':'&&p[i+1]=='/'&&p[i+2]=='/'){ i+=3; break;} if(i+2>=n)i=0;
  if(n-i>4&&lower(p[i])=='w'&&lower(p[i+1])=='w'&&lower(p[i+2])=='w'&&p[i+3]=='.') i+=4;
  u32 k=0; for(;i<n;i++){ u8 c=p[i]; if(c=='/'||c==':'||c=='?')break; o[k++]=lower(c);} return k; }
EX("rows") u32 rows(u32 reps){ const char*s="https://WWW.Example-Company.com/about/us?x=1"; u32 L=0; while(s[L])L++;
  for(u32 r=0;r<1000;r++) for(u32 i=0;i<64;i++) txt[r*64+i]= i<L? s[i]+(i==15?r%7:0):0;
  u32 h=0; u8 out[64]; for(u32 q=0;q<reps;q++) for(u32 r=0;r<1000;r++){ u8*p=txt+r*64; u32 n=len(p,64); u32 k=domain(p,n,out); for(u32 i=0;i<k;i++) h=h*31+out[i]; } return h; }
EX("sieve") u32 sieve(u32 n){ u32 c=0; for(u32 i=0;i<n;i++)heap[i]=1; for(u32 i=2;i<n;i++) if(heap[i]){c++; for(u32 j=i+i;j<n;j+=i)heap[j]=0;} return c; }
__attribute__((noinline)) u32 fib_(u32 n){ return n<2?n:fib_(n-1)+fib_(n-2);} 
EX("fib") u32 fib(u32 n){return fib_(n);}
EX("sum") u64 sum(u32 n){ u64 s=0; for(u32 i=0;i<n;i++){ s+= i*i ^ (s>>3);} return s; }
EX("crc") u32 crc(u32 n){ u32 c=~0u; for(u32 i=0;i<n;i++){ c^=heap[i&0xfffff]; for(int k=0;k<8;k++) c=c&1?(c>>1)^0xedb88320u:c>>1;} return c;}
static double a[96*96],b[96*96],d[96*96];
EX("matmul") double matmul(u32 reps){ for(u32 i=0;i<96*96;i++){a[i]=i%13;b[i]=i%7;} for(u32 r=0;r<reps;r++) for(int i=0;i<96;i++)for(int j=0;j<96;j++){double s=0;for(int k=0;k<96;k++)s+=a[i*96+k]*b[k*96+j];d[i*96+j]=s;} return d[500];}
static u32 keys[4096];
EX("sort") u32 sort(u32 reps){ u32 x=1; for(u32 r=0;r<reps;r++){ for(u32 i=0;i<4096;i++){x=x*1664525+1013904223;keys[i]=x;} for(u32 gap=2048;gap;gap/=2) for(u32 i=gap;i<4096;i++){u32 v=keys[i],j=i; while(j>=gap&&keys[j-gap]>v){keys[j]=keys[j-gap];j-=gap;} keys[j]=v;} } return keys[77]; }
